"""Sphinx extension: the built book asks nothing of the network.

* MathJax comes from the installed package ``sphinx-mathjax-offline``, of which one file is
  copied: the book's mathematics needs no other.
* The scripts of sphinx-thebe are dropped. They would load a kernel from a server, which this
  book does not use, and they are declared twice, which is an error in every page's console.
"""

import shutil
from importlib.metadata import files
from pathlib import Path

MATHJAX = "mathjax/tex-svg.js"


def use_local_mathjax(app, config):
    config.mathjax_path = MATHJAX


def copy_mathjax(app, error):
    if error is None and app.builder.format == "html":
        source = next(f for f in files("sphinx-mathjax-offline") if f.as_posix().endswith(MATHJAX))
        target = Path(app.outdir, "_static", MATHJAX)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.locate(), target)


def drop_thebe(app, pagename, templatename, context, doctree):
    def about_thebe(script):
        return "thebe" in str(getattr(script, "filename", "") or script).lower() or (
            "thebe" in str(getattr(script, "attributes", {}).get("body", ""))
        )

    context["script_files"] = [s for s in context["script_files"] if not about_thebe(s)]


def setup(app):
    app.connect("config-inited", use_local_mathjax)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
