"""From a request in plain words to an accepted workflow. Knows models, runs nothing. These are its public names."""

from planner.attempt import Attempt, total_cost, total_usage
from planner.catalog import answer_schema, catalogue
from planner.editing import Difference, difference, editable
from planner.errors import InvalidRequest, NotAccepted
from planner.planning import Plan, plan, plan_sync
from planner.prompting import SHIPPED, Prompts, read_prompts, render_messages, show_messages
from planner.repair import Budget, Policy
from planner.request import Request, read_request
from planner.validation import Check

__all__ = [
    "SHIPPED",
    "Attempt",
    "Budget",
    "Check",
    "Difference",
    "InvalidRequest",
    "NotAccepted",
    "Plan",
    "Policy",
    "Prompts",
    "Request",
    "answer_schema",
    "catalogue",
    "difference",
    "editable",
    "plan",
    "plan_sync",
    "read_prompts",
    "read_request",
    "render_messages",
    "show_messages",
    "total_cost",
    "total_usage",
]
