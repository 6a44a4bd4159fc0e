"""The page that management reads: results/report.html, one file without a network; and its charts as pictures.

    facts.py     asks the target: everything the page shows, as plain values
    series.py    the figures of each economy, year by year and edition by edition
    health.py    what the run's manifests say
    screen.py    the market screen: the formula
    world.py     the map's outlines
    charts.py    SVG, drawn at build time: pure functions
    markup.py    HTML that escapes what it is given
    words.py     the table of texts, and figures as people read them
    sections.py  the head, what must be known first, headline figures; views.py: map, ranking, regions, a country;
    lists.py     the market screen, revisions, publishers, the run
    page.py      puts it together: style, script, data, Content-Security-Policy
    page.css page.js texts/en.json    the style, the script, and every word

The page is whole without its script: drawn at build time, it prints and says everything. The script changes what the
reader changes, from the data that the page carries once, as JSON in the element #data (see page.py).
"""
