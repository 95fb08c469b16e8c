"""How each operator of the model is learned from the person × product graph."""

from __future__ import annotations

from training.operators.build import WALKS, Graph, OperatorPlan, build_operators

__all__ = ["WALKS", "Graph", "OperatorPlan", "build_operators"]
