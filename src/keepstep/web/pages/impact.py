"""Where a change meets stored answers: the dialogs that ask before it is made, and what is stored of each question.

How other pages lead here (all under `/wizards/{wizard_ref}/build/impact/`; `path_of(name, wizard_ref=…)` in templates):

| page name | address | what |
|---|---|---|
| `impact-delete` | `GET  delete` | the dialog of a deletion: Cancel, Retire, Delete anyway, Publish the other changes first |
| | `POST delete` | without `act`: deletes at once where nothing is stored, else the dialog; `act=retire` / `act=delete` do it |
| `impact-change` | `GET`/`POST change` | makes a change of members; asks "same meaning?" or shows the report first where answers are touched |
| `impact-counts` | `GET  counts` | answers and versions of every question: a page, or for htmx the pills as out-of-band parts |
| `impact-answers` | `GET  answers` | "Stored answers", "Used in" and "History" of one node: a page, or for htmx the block for the properties pane |

Parameters, in the query of a GET and in the form of a POST (together with `csrf_field()`):

- `node`: the id of a step or option set; with `value`, the option of that value in it.
- `base`: the draft revision that the page showed. Other people's edits of other nodes since then do not matter; one of this node
  is shown with its author, and nothing is done.
- `return`: the local path that Cancel leads to and that is gone to afterwards; without it, the builder.
- `fields` (change): a JSON object of the members to set, as the API takes them. `meaning` (`same`/`different`) and `new_value` (the
  value of the new option) are asked for here, `confirm` comes from the report.

A delete button of the builder is a form, so that nothing asks where nothing is stored:

    <form method="post" action="{{ path_of("impact-delete", wizard_ref=ref) }}" hx-post="{{ same }}" hx-target="#dialog" hx-swap="innerHTML">
      {{ csrf_field() }} <input type="hidden" name="node" value="{{ id }}"> (and value, base, return) <button>…</button></form>

A page whose own edit raises ImpactUnconfirmed or MeaningUnconfirmed answers with `unconfirmed(…)` of impact_change: the same dialog,
which holds the pending `fields` and goes on to `POST change`. In htmx it goes to `#dialog`, whatever the request meant to replace.
"""
