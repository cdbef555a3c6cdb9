//! dbt's JSON log lines: `{"data": {…}, "info": {…}}`. Tools read their `info.name` and `data.node_info`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// One event, as dbt names and numbers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    pub(crate) level: &'static str,
}

impl Event {
    const fn info(name: &'static str, code: &'static str) -> Self {
        Self { name, code, level: "info" }
    }

    const fn debug(name: &'static str, code: &'static str) -> Self {
        Self { name, code, level: "debug" }
    }

    pub(crate) const fn at(self, level: &'static str) -> Self {
        Self { level, ..self }
    }
}

pub(crate) const MAIN_REPORT_VERSION: Event = Event::info("MainReportVersion", "A001");
pub(crate) const FOUND_STATS: Event = Event::info("FoundStats", "W006");
pub(crate) const CONCURRENCY_LINE: Event = Event::info("ConcurrencyLine", "Q027");
pub(crate) const FORMATTING: Event = Event::info("Formatting", "Z017");
pub(crate) const NODE_START: Event = Event::debug("NodeStart", "Q024");
pub(crate) const NODE_FINISHED: Event = Event::debug("NodeFinished", "Q025");
pub(crate) const LOG_START_LINE: Event = Event::info("LogStartLine", "Q011");
pub(crate) const LOG_MODEL_RESULT: Event = Event::info("LogModelResult", "Q012");
pub(crate) const LOG_SEED_RESULT: Event = Event::info("LogSeedResult", "Q016");
pub(crate) const LOG_TEST_RESULT: Event = Event::info("LogTestResult", "Q007");
pub(crate) const LOG_NODE_RESULT: Event = Event::info("LogNodeResult", "Q008");
pub(crate) const LOG_HOOK_START_LINE: Event = Event::info("LogHookStartLine", "Q032");
pub(crate) const LOG_HOOK_END_LINE: Event = Event::info("LogHookEndLine", "Q033");
pub(crate) const SKIPPING_DETAILS: Event = Event::info("SkippingDetails", "Q034");
pub(crate) const NO_NODES_SELECTED: Event = Event::info("NoNodesSelected", "Q038").at("warn");
pub(crate) const FINISHED_RUNNING_STATS: Event = Event::info("FinishedRunningStats", "E047");
/// Not one of dbt's: where a node ran.
pub(crate) const ROUTE_LINE: Event = Event::info("NodeRoute", "V001");
pub(crate) const END_OF_RUN_SUMMARY: Event = Event::info("EndOfRunSummary", "Z030");
pub(crate) const RUN_RESULT_ERROR: Event = Event::info("RunResultError", "Z024").at("error");
pub(crate) const STATS_LINE: Event = Event::info("StatsLine", "Z023");
pub(crate) const SHOW_NODE: Event = Event::info("ShowNode", "Q041");
pub(crate) const COMPILED_NODE: Event = Event::info("CompiledNode", "Q042");
pub(crate) const LIST_OUTPUT: Event = Event::info("ListCmdOut", "Z049");
pub(crate) const DEBUG_OUTPUT: Event = Event::info("DebugCmdOut", "Z047");
pub(crate) const JINJA_LOG_INFO: Event = Event::info("JinjaLogInfo", "I062");
pub(crate) const JINJA_LOG_WARNING: Event = Event::info("JinjaLogWarning", "I061").at("warn");
pub(crate) const PRINT_EVENT: Event = Event::info("PrintEvent", "Z052");
pub(crate) const ERROR: Event = Event::info("MainEncounteredError", "Z002").at("error");
pub(crate) const WARNING: Event = Event::info("ValidationWarning", "I009").at("warn");
pub(crate) const PROJECT_CREATED: Event = Event::info("ProjectCreated", "A026");
pub(crate) const CLEANED: Event = Event::info("ConfirmCleanPath", "Z013");
pub(crate) const INTERRUPTED: Event = Event::info("MainKeyboardInterrupt", "Z001");
pub(crate) const COMMAND_COMPLETED: Event = Event::debug("CommandCompleted", "Q039");

/// The line of an event.
pub(crate) fn line(event: Event, message: &str, data: Value, invocation_id: &str, now: DateTime<Utc>) -> String {
    json!({
        "data": data,
        "info": {
            "category": "",
            "code": event.code,
            "extra": {},
            "invocation_id": invocation_id,
            "level": event.level,
            "msg": message,
            "name": event.name,
            "pid": std::process::id(),
            "thread": std::thread::current().name().unwrap_or("MainThread"),
            "ts": timestamp(now),
        },
    })
    .to_string()
}

pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
