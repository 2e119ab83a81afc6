"""The bug museum's exhibits, one module a lesson, each with a tuple EXHIBITS."""
