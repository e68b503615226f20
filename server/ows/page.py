"""The one HTML page of OGC API – Features: a document's title, links, collections and features."""

from __future__ import annotations

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #26323d }
a { color: #1f6fb2 } table { border-collapse: collapse; font-size: 14px } .wide { overflow-x: auto }
td, th { border-bottom: 1px solid #d5dce2; padding: .2rem .6rem; text-align: left } pre { overflow-x: auto }
</style>
</head>
<body>
<h1>{{ title }}</h1>
{% if page.description %}<p>{{ page.description }}</p>{% endif %}
{% for one in page.collections or [] %}
<h2>{{ one.title }}</h2>
<p>{{ one.description }}</p>
<ul>{% for link in one.links %}\
<li><a href="{{ link.href }}">{{ link.title }}</a> ({{ link.type }})</li>{% endfor %}</ul>
{% endfor %}
{% if page.type == "FeatureCollection" %}
<p>{{ page.numberReturned }} of {{ page.numberMatched }} features</p>
{% if page.features %}
<div class="wide"><table>
<tr><th>id</th>{% for name in page.features[0].properties %}<th>{{ name }}</th>{% endfor %}</tr>
{% for one in page.features %}
<tr><td>{{ one.id }}</td>{% for value in one.properties.values() %}<td>{{ "" if value is none else value }}</td>\
{% endfor %}</tr>
{% endfor %}
</table></div>
{% endif %}
{% elif page.type == "Feature" %}
<table>{% for name, value in page.properties.items() %}\
<tr><th>{{ name }}</th><td>{{ "" if value is none else value }}</td></tr>{% endfor %}</table>
{% elif page.conformsTo %}
<ul>{% for one in page.conformsTo %}<li>{{ one }}</li>{% endfor %}</ul>
{% elif page.openapi %}
<pre>{{ text }}</pre>
{% endif %}
{% if page.links %}
<h2>Links</h2>
<ul>{% for link in page.links %}\
<li><a href="{{ link.href }}">{{ link.title }}</a> ({{ link.rel }}, {{ link.type }})</li>\
{% endfor %}</ul>
{% endif %}
</body>
</html>
"""
