"""What a run has to say: result file, tables, figures, event log and progress lines, all from plain values."""

from cpruner.report.course import Course as Course
from cpruner.report.environment import device_name as device_name
from cpruner.report.environment import versions as versions
from cpruner.report.event import EventLog as EventLog
from cpruner.report.figure import curves as curves
from cpruner.report.figure import widths as widths
from cpruner.report.figure import write_figures as write_figures
from cpruner.report.history import History as History
from cpruner.report.probe import Probe as Probe
from cpruner.report.probe import probe as probe
from cpruner.report.probe_table import probe_verdict as probe_verdict
from cpruner.report.probe_table import render_probe as render_probe
from cpruner.report.progress import PhaseProgress as PhaseProgress
from cpruner.report.progress import SearchProgress as SearchProgress
from cpruner.report.report import Report as Report
from cpruner.report.result import to_result as to_result
from cpruner.report.result import validate_result as validate_result
from cpruner.report.result import write_result as write_result
from cpruner.report.row import BudgetRow as BudgetRow
from cpruner.report.row import GroupWidth as GroupWidth
from cpruner.report.row import Row as Row
from cpruner.report.table import render as render
from cpruner.report.table import render_budgets as render_budgets
from cpruner.report.verdict import verdict as verdict
from cpruner.report.warning import SearchWarning as SearchWarning
from cpruner.report.warning import search_warnings as search_warnings

__all__ = [
    "BudgetRow",
    "Course",
    "EventLog",
    "GroupWidth",
    "History",
    "PhaseProgress",
    "Probe",
    "Report",
    "Row",
    "SearchProgress",
    "SearchWarning",
    "curves",
    "device_name",
    "probe",
    "probe_verdict",
    "render",
    "render_budgets",
    "render_probe",
    "search_warnings",
    "to_result",
    "validate_result",
    "verdict",
    "versions",
    "widths",
    "write_figures",
    "write_result",
]
