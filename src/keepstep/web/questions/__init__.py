"""Questions as a respondent meets them: option set + answer → a view → HTML, and posted fields → answer. Must not know runs or pages."""
