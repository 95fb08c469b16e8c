"""Judging policies: by experiments that owners were assigned to, and by logs of another policy."""
