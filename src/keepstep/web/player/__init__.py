"""The respondent's side: /w/{slug} and /r/{token}, plain forms that need no script."""
