"""The impact assessment of a model over a period, from the SQL views as of a stated time.

`gathering.gather` reads, `page.page` prints; between them are `findings`' dataclasses, which are also the JSON.
"""
