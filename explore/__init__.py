"""`make explore`: the database in a browser, by Datasette, on this machine only, to look at and not to change.

    __main__.py    checks that there is something to serve and a port to serve it on, then serves
    catalog.py     what Datasette is told: titles, units, a description of every column, the questions with their SQL
    database.py    the database as Datasette holds it: read only
    plugin.py      what Datasette shows otherwise: thousands marks; and whom it answers
    metadata.yaml  the words

The SQL of the questions is in sql/explore/, which takes in the report's own queries: what is asked here is what
report.py asks. No stage imports this package.
"""
