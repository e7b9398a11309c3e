"""The pages: one module for each noun. A page parses, calls one action or query, and renders a template."""
