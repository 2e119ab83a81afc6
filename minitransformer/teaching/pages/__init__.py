"""The lessons as pages for a browser: `lessons --html`, without a network and without a server."""

from minitransformer.teaching.pages.site import export_pages
