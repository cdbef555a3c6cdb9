//! dbt 1.12's events by name: constants for [`Event::new`](crate::Event::new).
//!
//! Names, codes and levels are dbt's (`dbt.events.types`, `dbt.adapters.events.types`, `dbt_common.events.types`); where
//! dbt picks the level per event, the constant says `Info`.

use crate::event::{EventKind, EventLevel};

macro_rules! kinds {
    ($($constant:ident: $name:literal, $code:literal, $level:ident;)*) => {
        $(pub const $constant: EventKind = EventKind { name: $name, code: $code, level: EventLevel::$level };)*

        /// Every kind, in the order of their codes.
        pub const ALL: &[EventKind] = &[$($constant,)*];
    };
}

kinds! {
    MAIN_REPORT_VERSION: "MainReportVersion", "A001", Info;
    MAIN_REPORT_ARGS: "MainReportArgs", "A002", Debug;
    MAIN_TRACKING_USER_STATE: "MainTrackingUserState", "A003", Debug;
    MISSING_PROFILE_TARGET: "MissingProfileTarget", "A005", Info;
    INVALID_OPTION_YAML: "InvalidOptionYAML", "A008", Error;
    LOG_DBT_PROJECT_ERROR: "LogDbtProjectError", "A009", Error;
    LOG_DBT_PROFILE_ERROR: "LogDbtProfileError", "A011", Error;
    STARTER_PROJECT_PATH: "StarterProjectPath", "A017", Debug;
    CONFIG_FOLDER_DIRECTORY: "ConfigFolderDirectory", "A018", Info;
    NO_SAMPLE_PROFILE_FOUND: "NoSampleProfileFound", "A019", Info;
    PROFILE_WRITTEN_WITH_SAMPLE: "ProfileWrittenWithSample", "A020", Info;
    PROFILE_WRITTEN_WITH_TARGET_TEMPLATE_YAML: "ProfileWrittenWithTargetTemplateYAML", "A021", Info;
    PROFILE_WRITTEN_WITH_PROJECT_TEMPLATE_YAML: "ProfileWrittenWithProjectTemplateYAML", "A022", Info;
    SETTING_UP_PROFILE: "SettingUpProfile", "A023", Info;
    INVALID_PROFILE_TEMPLATE_YAML: "InvalidProfileTemplateYAML", "A024", Info;
    PROJECT_NAME_ALREADY_EXISTS: "ProjectNameAlreadyExists", "A025", Info;
    PROJECT_CREATED: "ProjectCreated", "A026", Info;
    BEHAVIOR_CHANGE_EVENT: "BehaviorChangeEvent", "D000", Warn;
    PACKAGE_REDIRECT_DEPRECATION: "PackageRedirectDeprecation", "D001", Warn;
    PACKAGE_INSTALL_PATH_DEPRECATION: "PackageInstallPathDeprecation", "D002", Warn;
    CONFIG_SOURCE_PATH_DEPRECATION: "ConfigSourcePathDeprecation", "D003", Warn;
    CONFIG_DATA_PATH_DEPRECATION: "ConfigDataPathDeprecation", "D004", Warn;
    ADAPTER_DEPRECATION_WARNING: "AdapterDeprecationWarning", "D005", Warn;
    METRIC_ATTRIBUTES_RENAMED: "MetricAttributesRenamed", "D006", Warn;
    EXPOSURE_NAME_DEPRECATION: "ExposureNameDeprecation", "D007", Warn;
    INTERNAL_DEPRECATION: "InternalDeprecation", "D008", Warn;
    ENVIRONMENT_VARIABLE_RENAMED: "EnvironmentVariableRenamed", "D009", Warn;
    CONFIG_LOG_PATH_DEPRECATION: "ConfigLogPathDeprecation", "D010", Warn;
    CONFIG_TARGET_PATH_DEPRECATION: "ConfigTargetPathDeprecation", "D011", Warn;
    COLLECT_FRESHNESS_RETURN_SIGNATURE: "CollectFreshnessReturnSignature", "D012", Warn;
    TESTS_CONFIG_DEPRECATION: "TestsConfigDeprecation", "D012", Warn;
    PROJECT_FLAGS_MOVED_DEPRECATION: "ProjectFlagsMovedDeprecation", "D013", Warn;
    SPACES_IN_RESOURCE_NAME_DEPRECATION: "SpacesInResourceNameDeprecation", "D014", Info;
    RESOURCE_NAMES_WITH_SPACES_DEPRECATION: "ResourceNamesWithSpacesDeprecation", "D015", Warn;
    PACKAGE_MATERIALIZATION_OVERRIDE_DEPRECATION: "PackageMaterializationOverrideDeprecation", "D016", Warn;
    SOURCE_FRESHNESS_PROJECT_HOOKS_NOT_RUN: "SourceFreshnessProjectHooksNotRun", "D017", Warn;
    MF_TIMESPINE_WITHOUT_YAML_CONFIGURATION_DEPRECATION: "MFTimespineWithoutYamlConfigurationDeprecation", "D018", Warn;
    MF_CUMULATIVE_TYPE_PARAMS_DEPRECATION: "MFCumulativeTypeParamsDeprecation", "D019", Warn;
    MICROBATCH_MACRO_OUTSIDE_OF_BATCHES_DEPRECATION: "MicrobatchMacroOutsideOfBatchesDeprecation", "D020", Warn;
    GENERIC_JSON_SCHEMA_VALIDATION_DEPRECATION: "GenericJSONSchemaValidationDeprecation", "D022", Warn;
    UNEXPECTED_JINJA_BLOCK_DEPRECATION: "UnexpectedJinjaBlockDeprecation", "D023", Warn;
    DUPLICATE_YAML_KEYS_DEPRECATION: "DuplicateYAMLKeysDeprecation", "D024", Warn;
    CUSTOM_TOP_LEVEL_KEY_DEPRECATION: "CustomTopLevelKeyDeprecation", "D025", Warn;
    CUSTOM_KEY_IN_CONFIG_DEPRECATION: "CustomKeyInConfigDeprecation", "D026", Warn;
    CUSTOM_KEY_IN_OBJECT_DEPRECATION: "CustomKeyInObjectDeprecation", "D027", Warn;
    DEPRECATIONS_SUMMARY: "DeprecationsSummary", "D028", Warn;
    CUSTOM_OUTPUT_PATH_IN_SOURCE_FRESHNESS_DEPRECATION: "CustomOutputPathInSourceFreshnessDeprecation", "D029", Warn;
    PROPERTY_MOVED_TO_CONFIG_DEPRECATION: "PropertyMovedToConfigDeprecation", "D030", Warn;
    WEO_INCLUDE_EXCLUDE_DEPRECATION: "WEOIncludeExcludeDeprecation", "D031", Warn;
    MODEL_PARAM_USAGE_DEPRECATION: "ModelParamUsageDeprecation", "D032", Warn;
    MODULES_ITERTOOLS_USAGE_DEPRECATION: "ModulesItertoolsUsageDeprecation", "D034", Warn;
    SOURCE_OVERRIDE_DEPRECATION: "SourceOverrideDeprecation", "D035", Warn;
    ENVIRONMENT_VARIABLE_NAMESPACE_DEPRECATION: "EnvironmentVariableNamespaceDeprecation", "D036", Warn;
    MISSING_PLUS_PREFIX_DEPRECATION: "MissingPlusPrefixDeprecation", "D037", Warn;
    ARGUMENTS_PROPERTY_IN_GENERIC_TEST_DEPRECATION: "ArgumentsPropertyInGenericTestDeprecation", "D038", Warn;
    MISSING_ARGUMENTS_PROPERTY_IN_GENERIC_TEST_DEPRECATION: "MissingArgumentsPropertyInGenericTestDeprecation", "D039", Warn;
    DUPLICATE_NAME_DISTINCT_NODE_TYPES_DEPRECATION: "DuplicateNameDistinctNodeTypesDeprecation", "D040", Warn;
    GET_META_KEY_WARNING: "GetMetaKeyWarning", "D041", Warn;
    TIME_DIMENSIONS_REQUIRE_GRANULARITY_DEPRECATION: "TimeDimensionsRequireGranularityDeprecation", "D041", Warn;
    GENERIC_SEMANTIC_LAYER_DEPRECATION: "GenericSemanticLayerDeprecation", "D042", Warn;
    GENERATE_SCHEMA_NAME_NULL_VALUE_DEPRECATION: "GenerateSchemaNameNullValueDeprecation", "D044", Warn;
    ADAPTER_EVENT_DEBUG: "AdapterEventDebug", "E001", Debug;
    ADAPTER_EVENT_INFO: "AdapterEventInfo", "E002", Info;
    ADAPTER_EVENT_WARNING: "AdapterEventWarning", "E003", Warn;
    ADAPTER_EVENT_ERROR: "AdapterEventError", "E004", Error;
    NEW_CONNECTION: "NewConnection", "E005", Debug;
    CONNECTION_REUSED: "ConnectionReused", "E006", Debug;
    CONNECTION_LEFT_OPEN_IN_CLEANUP: "ConnectionLeftOpenInCleanup", "E007", Debug;
    CONNECTION_CLOSED_IN_CLEANUP: "ConnectionClosedInCleanup", "E008", Debug;
    ROLLBACK_FAILED: "RollbackFailed", "E009", Debug;
    CONNECTION_CLOSED: "ConnectionClosed", "E010", Debug;
    CONNECTION_LEFT_OPEN: "ConnectionLeftOpen", "E011", Debug;
    ROLLBACK: "Rollback", "E012", Debug;
    CACHE_MISS: "CacheMiss", "E013", Debug;
    LIST_RELATIONS: "ListRelations", "E014", Debug;
    CONNECTION_USED: "ConnectionUsed", "E015", Debug;
    SQL_QUERY: "SQLQuery", "E016", Debug;
    SQL_QUERY_STATUS: "SQLQueryStatus", "E017", Debug;
    SQL_COMMIT: "SQLCommit", "E018", Debug;
    COL_TYPE_CHANGE: "ColTypeChange", "E019", Debug;
    SCHEMA_CREATION: "SchemaCreation", "E020", Debug;
    SCHEMA_DROP: "SchemaDrop", "E021", Debug;
    CACHE_ACTION: "CacheAction", "E022", Debug;
    CACHE_DUMP_GRAPH: "CacheDumpGraph", "E031", Debug;
    ADAPTER_REGISTERED: "AdapterRegistered", "E034", Info;
    ADAPTER_IMPORT_ERROR: "AdapterImportError", "E035", Info;
    PLUGIN_LOAD_ERROR: "PluginLoadError", "E036", Debug;
    NEW_CONNECTION_OPENING: "NewConnectionOpening", "E037", Debug;
    CODE_EXECUTION: "CodeExecution", "E038", Debug;
    CODE_EXECUTION_STATUS: "CodeExecutionStatus", "E039", Debug;
    CATALOG_GENERATION_ERROR: "CatalogGenerationError", "E040", Warn;
    WRITE_CATALOG_FAILURE: "WriteCatalogFailure", "E041", Error;
    CATALOG_WRITTEN: "CatalogWritten", "E042", Info;
    CANNOT_GENERATE_DOCS: "CannotGenerateDocs", "E043", Info;
    BUILDING_CATALOG: "BuildingCatalog", "E044", Info;
    DATABASE_ERROR_RUNNING_HOOK: "DatabaseErrorRunningHook", "E045", Info;
    HOOKS_RUNNING: "HooksRunning", "E046", Info;
    FINISHED_RUNNING_STATS: "FinishedRunningStats", "E047", Info;
    CONSTRAINT_NOT_ENFORCED: "ConstraintNotEnforced", "E048", Warn;
    CONSTRAINT_NOT_SUPPORTED: "ConstraintNotSupported", "E049", Warn;
    TYPE_CODE_NOT_FOUND: "TypeCodeNotFound", "E050", Debug;
    INPUT_FILE_DIFF_ERROR: "InputFileDiffError", "I001", Debug;
    INVALID_VALUE_FOR_FIELD: "InvalidValueForField", "I008", Warn;
    VALIDATION_WARNING: "ValidationWarning", "I009", Warn;
    PARSE_PERF_INFO_PATH: "ParsePerfInfoPath", "I010", Info;
    PARTIAL_PARSING_ERROR_PROCESSING_FILE: "PartialParsingErrorProcessingFile", "I014", Debug;
    PARTIAL_PARSING_ERROR: "PartialParsingError", "I016", Debug;
    PARTIAL_PARSING_SKIP_PARSING: "PartialParsingSkipParsing", "I017", Debug;
    UNABLE_TO_PARTIAL_PARSE: "UnableToPartialParse", "I024", Info;
    STATE_CHECK_VARS_HASH: "StateCheckVarsHash", "I025", Debug;
    PARTIAL_PARSING_NOT_ENABLED: "PartialParsingNotEnabled", "I028", Debug;
    PARSED_FILE_LOAD_FAILED: "ParsedFileLoadFailed", "I029", Debug;
    PARTIAL_PARSING_ENABLED: "PartialParsingEnabled", "I040", Debug;
    PARTIAL_PARSING_FILE: "PartialParsingFile", "I041", Debug;
    INVALID_DISABLED_TARGET_IN_TEST_NODE: "InvalidDisabledTargetInTestNode", "I050", Debug;
    UNUSED_RESOURCE_CONFIG_PATH: "UnusedResourceConfigPath", "I051", Warn;
    SEED_INCREASED: "SeedIncreased", "I052", Warn;
    SEED_EXCEEDS_LIMIT_SAME_PATH: "SeedExceedsLimitSamePath", "I053", Warn;
    SEED_EXCEEDS_LIMIT_AND_PATH_CHANGED: "SeedExceedsLimitAndPathChanged", "I054", Warn;
    SEED_EXCEEDS_LIMIT_CHECKSUM_CHANGED: "SeedExceedsLimitChecksumChanged", "I055", Warn;
    UNUSED_TABLES: "UnusedTables", "I056", Warn;
    WRONG_RESOURCE_SCHEMA_FILE: "WrongResourceSchemaFile", "I057", Warn;
    NO_NODE_FOR_YAML_KEY: "NoNodeForYamlKey", "I058", Warn;
    MACRO_NOT_FOUND_FOR_PATCH: "MacroNotFoundForPatch", "I059", Warn;
    NODE_NOT_FOUND_OR_DISABLED: "NodeNotFoundOrDisabled", "I060", Warn;
    JINJA_LOG_WARNING: "JinjaLogWarning", "I061", Warn;
    JINJA_LOG_INFO: "JinjaLogInfo", "I062", Info;
    JINJA_LOG_DEBUG: "JinjaLogDebug", "I063", Debug;
    UNPINNED_REF_NEW_VERSION_AVAILABLE: "UnpinnedRefNewVersionAvailable", "I064", Info;
    DEPRECATED_MODEL: "DeprecatedModel", "I065", Warn;
    UPCOMING_REFERENCE_DEPRECATION: "UpcomingReferenceDeprecation", "I066", Warn;
    DEPRECATED_REFERENCE: "DeprecatedReference", "I067", Warn;
    UNSUPPORTED_CONSTRAINT_MATERIALIZATION: "UnsupportedConstraintMaterialization", "I068", Warn;
    PARSE_INLINE_NODE_ERROR: "ParseInlineNodeError", "I069", Error;
    SEMANTIC_VALIDATION_FAILURE: "SemanticValidationFailure", "I070", Warn;
    UNVERSIONED_BREAKING_CHANGE: "UnversionedBreakingChange", "I071", Warn;
    WARN_STATE_TARGET_EQUAL: "WarnStateTargetEqual", "I072", Warn;
    FRESHNESS_CONFIG_PROBLEM: "FreshnessConfigProblem", "I073", Warn;
    MICROBATCH_MODEL_NO_EVENT_TIME_INPUTS: "MicrobatchModelNoEventTimeInputs", "I074", Warn;
    INVALID_CONCURRENT_BATCHES_CONFIG: "InvalidConcurrentBatchesConfig", "I075", Warn;
    INVALID_MACRO_ANNOTATION: "InvalidMacroAnnotation", "I076", Warn;
    PACKAGE_NODE_DEPENDS_ON_ROOT_PROJECT_NODE: "PackageNodeDependsOnRootProjectNode", "I077", Warn;
    MF_CONVERTER_ISSUE: "MFConverterIssue", "I078", Warn;
    GIT_SPARSE_CHECKOUT_SUBDIRECTORY: "GitSparseCheckoutSubdirectory", "M001", Debug;
    GIT_PROGRESS_CHECKOUT_REVISION: "GitProgressCheckoutRevision", "M002", Debug;
    GIT_PROGRESS_UPDATING_EXISTING_DEPENDENCY: "GitProgressUpdatingExistingDependency", "M003", Debug;
    GIT_PROGRESS_PULLING_NEW_DEPENDENCY: "GitProgressPullingNewDependency", "M004", Debug;
    GIT_NOTHING_TO_DO: "GitNothingToDo", "M005", Debug;
    GIT_PROGRESS_UPDATED_CHECKOUT_RANGE: "GitProgressUpdatedCheckoutRange", "M006", Debug;
    GIT_PROGRESS_CHECKED_OUT_AT: "GitProgressCheckedOutAt", "M007", Debug;
    REGISTRY_PROGRESS_GET_REQUEST: "RegistryProgressGETRequest", "M008", Debug;
    REGISTRY_PROGRESS_GET_RESPONSE: "RegistryProgressGETResponse", "M009", Debug;
    SELECTOR_REPORT_INVALID_SELECTOR: "SelectorReportInvalidSelector", "M010", Info;
    DEPS_NO_PACKAGES_FOUND: "DepsNoPackagesFound", "M013", Info;
    DEPS_START_PACKAGE_INSTALL: "DepsStartPackageInstall", "M014", Info;
    DEPS_INSTALL_INFO: "DepsInstallInfo", "M015", Info;
    DEPS_UPDATE_AVAILABLE: "DepsUpdateAvailable", "M016", Info;
    DEPS_UP_TO_DATE: "DepsUpToDate", "M017", Info;
    DEPS_LIST_SUBDIRECTORY: "DepsListSubdirectory", "M018", Info;
    DEPS_NOTIFY_UPDATES_AVAILABLE: "DepsNotifyUpdatesAvailable", "M019", Info;
    RETRY_EXTERNAL_CALL: "RetryExternalCall", "M020", Debug;
    RECORD_RETRY_EXCEPTION: "RecordRetryException", "M021", Debug;
    REGISTRY_INDEX_PROGRESS_GET_REQUEST: "RegistryIndexProgressGETRequest", "M022", Debug;
    REGISTRY_INDEX_PROGRESS_GET_RESPONSE: "RegistryIndexProgressGETResponse", "M023", Debug;
    REGISTRY_RESPONSE_UNEXPECTED_TYPE: "RegistryResponseUnexpectedType", "M024", Debug;
    REGISTRY_RESPONSE_MISSING_TOP_KEYS: "RegistryResponseMissingTopKeys", "M025", Debug;
    REGISTRY_RESPONSE_MISSING_NESTED_KEYS: "RegistryResponseMissingNestedKeys", "M026", Debug;
    REGISTRY_RESPONSE_EXTRA_NESTED_KEYS: "RegistryResponseExtraNestedKeys", "M027", Debug;
    DEPS_SET_DOWNLOAD_DIRECTORY: "DepsSetDownloadDirectory", "M028", Debug;
    DEPS_UNPINNED: "DepsUnpinned", "M029", Warn;
    NO_NODES_FOR_SELECTION_CRITERIA: "NoNodesForSelectionCriteria", "M030", Warn;
    DEPS_LOCK_UPDATING: "DepsLockUpdating", "M031", Info;
    DEPS_ADD_PACKAGE: "DepsAddPackage", "M032", Info;
    DEPS_FOUND_DUPLICATE_PACKAGE: "DepsFoundDuplicatePackage", "M033", Info;
    DEPS_SCRUBBED_PACKAGE_NAME: "DepsScrubbedPackageName", "M035", Warn;
    ARTIFACT_WRITTEN: "ArtifactWritten", "P001", Debug;
    RUNNING_OPERATION_CAUGHT_ERROR: "RunningOperationCaughtError", "Q001", Error;
    COMPILE_COMPLETE: "CompileComplete", "Q002", Info;
    FRESHNESS_CHECK_COMPLETE: "FreshnessCheckComplete", "Q003", Info;
    SEED_HEADER: "SeedHeader", "Q004", Info;
    SQL_RUNNER_EXCEPTION: "SQLRunnerException", "Q006", Debug;
    LOG_TEST_RESULT: "LogTestResult", "Q007", Info;
    LOG_NODE_RESULT: "LogNodeResult", "Q008", Info;
    LOG_START_LINE: "LogStartLine", "Q011", Info;
    LOG_MODEL_RESULT: "LogModelResult", "Q012", Info;
    LOG_SNAPSHOT_RESULT: "LogSnapshotResult", "Q015", Info;
    LOG_SEED_RESULT: "LogSeedResult", "Q016", Info;
    LOG_FRESHNESS_RESULT: "LogFreshnessResult", "Q018", Info;
    LOG_NODE_NO_OP_RESULT: "LogNodeNoOpResult", "Q019", Info;
    LOG_CANCEL_LINE: "LogCancelLine", "Q022", Error;
    DEFAULT_SELECTOR: "DefaultSelector", "Q023", Info;
    NODE_START: "NodeStart", "Q024", Debug;
    NODE_FINISHED: "NodeFinished", "Q025", Debug;
    QUERY_CANCELATION_UNSUPPORTED: "QueryCancelationUnsupported", "Q026", Info;
    CONCURRENCY_LINE: "ConcurrencyLine", "Q027", Info;
    WRITING_INJECTED_SQL_FOR_NODE: "WritingInjectedSQLForNode", "Q029", Debug;
    NODE_COMPILING: "NodeCompiling", "Q030", Debug;
    NODE_EXECUTING: "NodeExecuting", "Q031", Debug;
    LOG_HOOK_START_LINE: "LogHookStartLine", "Q032", Info;
    LOG_HOOK_END_LINE: "LogHookEndLine", "Q033", Info;
    SKIPPING_DETAILS: "SkippingDetails", "Q034", Info;
    NOTHING_TO_DO: "NothingToDo", "Q035", Warn;
    RUNNING_OPERATION_UNCAUGHT_ERROR: "RunningOperationUncaughtError", "Q036", Error;
    END_RUN_RESULT: "EndRunResult", "Q037", Debug;
    NO_NODES_SELECTED: "NoNodesSelected", "Q038", Warn;
    COMMAND_COMPLETED: "CommandCompleted", "Q039", Debug;
    SHOW_NODE: "ShowNode", "Q041", Info;
    COMPILED_NODE: "CompiledNode", "Q042", Info;
    SNAPSHOT_TIMESTAMP_WARNING: "SnapshotTimestampWarning", "Q043", Warn;
    MICROBATCH_EXECUTION_DEBUG: "MicrobatchExecutionDebug", "Q044", Debug;
    LOG_START_BATCH: "LogStartBatch", "Q045", Info;
    LOG_BATCH_RESULT: "LogBatchResult", "Q046", Info;
    LOG_FUNCTION_RESULT: "LogFunctionResult", "Q047", Info;
    LOG_START_OVERLOAD: "LogStartOverload", "Q048", Info;
    LOG_OVERLOAD_RESULT: "LogOverloadResult", "Q049", Info;
    V2_PARSER_START: "V2ParserStart", "Q050", Info;
    V2_PARSER_END: "V2ParserEnd", "Q051", Info;
    CATCHABLE_EXCEPTION_ON_RUN: "CatchableExceptionOnRun", "W002", Debug;
    INTERNAL_ERROR_ON_RUN: "InternalErrorOnRun", "W003", Debug;
    GENERIC_EXCEPTION_ON_RUN: "GenericExceptionOnRun", "W004", Error;
    NODE_CONNECTION_RELEASE_ERROR: "NodeConnectionReleaseError", "W005", Debug;
    FOUND_STATS: "FoundStats", "W006", Info;
    MAIN_KEYBOARD_INTERRUPT: "MainKeyboardInterrupt", "Z001", Info;
    MAIN_ENCOUNTERED_ERROR: "MainEncounteredError", "Z002", Error;
    MAIN_STACK_TRACE: "MainStackTrace", "Z003", Error;
    SYSTEM_COULD_NOT_WRITE: "SystemCouldNotWrite", "Z005", Debug;
    SYSTEM_EXECUTING_CMD: "SystemExecutingCmd", "Z006", Debug;
    SYSTEM_STD_OUT: "SystemStdOut", "Z007", Debug;
    SYSTEM_STD_ERR: "SystemStdErr", "Z008", Debug;
    SYSTEM_REPORT_RETURN_CODE: "SystemReportReturnCode", "Z009", Debug;
    TIMING_INFO_COLLECTED: "TimingInfoCollected", "Z010", Debug;
    LOG_DEBUG_STACK_TRACE: "LogDebugStackTrace", "Z011", Debug;
    CHECK_CLEAN_PATH: "CheckCleanPath", "Z012", Info;
    CONFIRM_CLEAN_PATH: "ConfirmCleanPath", "Z013", Info;
    PROTECTED_CLEAN_PATH: "ProtectedCleanPath", "Z014", Info;
    FINISHED_CLEAN_PATHS: "FinishedCleanPaths", "Z015", Info;
    OPEN_COMMAND: "OpenCommand", "Z016", Info;
    FORMATTING: "Formatting", "Z017", Info;
    RUN_RESULT_WARNING: "RunResultWarning", "Z021", Warn;
    RUN_RESULT_FAILURE: "RunResultFailure", "Z022", Error;
    STATS_LINE: "StatsLine", "Z023", Info;
    RUN_RESULT_ERROR: "RunResultError", "Z024", Error;
    RUN_RESULT_ERROR_NO_MESSAGE: "RunResultErrorNoMessage", "Z025", Error;
    SQL_COMPILED_PATH: "SQLCompiledPath", "Z026", Info;
    CHECK_NODE_TEST_FAILURE: "CheckNodeTestFailure", "Z027", Info;
    END_OF_RUN_SUMMARY: "EndOfRunSummary", "Z030", Info;
    MARK_SKIPPED_CHILDREN: "MarkSkippedChildren", "Z033", Debug;
    LOG_SKIP_BECAUSE_ERROR: "LogSkipBecauseError", "Z034", Error;
    ENSURE_GIT_INSTALLED: "EnsureGitInstalled", "Z036", Error;
    DEPS_CREATING_LOCAL_SYMLINK: "DepsCreatingLocalSymlink", "Z037", Debug;
    DEPS_SYMLINK_NOT_AVAILABLE: "DepsSymlinkNotAvailable", "Z038", Debug;
    DISABLE_TRACKING: "DisableTracking", "Z039", Debug;
    SENDING_EVENT: "SendingEvent", "Z040", Debug;
    SEND_EVENT_FAILURE: "SendEventFailure", "Z041", Debug;
    FLUSH_EVENTS: "FlushEvents", "Z042", Debug;
    FLUSH_EVENTS_FAILURE: "FlushEventsFailure", "Z043", Debug;
    TRACKING_INITIALIZE_FAILURE: "TrackingInitializeFailure", "Z044", Debug;
    RUN_RESULT_WARNING_MESSAGE: "RunResultWarningMessage", "Z046", Warn;
    DEBUG_CMD_OUT: "DebugCmdOut", "Z047", Info;
    DEBUG_CMD_RESULT: "DebugCmdResult", "Z048", Info;
    LIST_CMD_OUT: "ListCmdOut", "Z049", Info;
    NOTE: "Note", "Z050", Info;
    RESOURCE_REPORT: "ResourceReport", "Z051", Debug;
    PRINT_EVENT: "PrintEvent", "Z052", Info;
    RECORD_REPLAY_ISSUE: "RecordReplayIssue", "Z053", Info;
    ARTIFACT_UPLOAD_ERROR: "ArtifactUploadError", "Z061", Error;
    ARTIFACT_UPLOAD_SUCCESS: "ArtifactUploadSuccess", "Z062", Info;
    ARTIFACT_UPLOAD_SKIPPED: "ArtifactUploadSkipped", "Z063", Debug;
    SELECT_EXCLUDE_IGNORED_WITH_SELECTOR_WARNING: "SelectExcludeIgnoredWithSelectorWarning", "Z064", Warn;
    // Not one of dbt's: on which route a node ran.
    NODE_ROUTE: "NodeRoute", "V001", Info;
}

/// The kinds that dbt counts as deprecations.
pub const DEPRECATIONS: &[EventKind] = &[
    ADAPTER_DEPRECATION_WARNING,
    ENVIRONMENT_VARIABLE_RENAMED,
    ARGUMENTS_PROPERTY_IN_GENERIC_TEST_DEPRECATION,
    COLLECT_FRESHNESS_RETURN_SIGNATURE,
    CONFIG_DATA_PATH_DEPRECATION,
    CONFIG_LOG_PATH_DEPRECATION,
    CONFIG_SOURCE_PATH_DEPRECATION,
    CONFIG_TARGET_PATH_DEPRECATION,
    CUSTOM_KEY_IN_CONFIG_DEPRECATION,
    CUSTOM_KEY_IN_OBJECT_DEPRECATION,
    CUSTOM_OUTPUT_PATH_IN_SOURCE_FRESHNESS_DEPRECATION,
    CUSTOM_TOP_LEVEL_KEY_DEPRECATION,
    DUPLICATE_NAME_DISTINCT_NODE_TYPES_DEPRECATION,
    DUPLICATE_YAML_KEYS_DEPRECATION,
    ENVIRONMENT_VARIABLE_NAMESPACE_DEPRECATION,
    EXPOSURE_NAME_DEPRECATION,
    GENERATE_SCHEMA_NAME_NULL_VALUE_DEPRECATION,
    GENERIC_JSON_SCHEMA_VALIDATION_DEPRECATION,
    GENERIC_SEMANTIC_LAYER_DEPRECATION,
    MF_CUMULATIVE_TYPE_PARAMS_DEPRECATION,
    MF_TIMESPINE_WITHOUT_YAML_CONFIGURATION_DEPRECATION,
    MICROBATCH_MACRO_OUTSIDE_OF_BATCHES_DEPRECATION,
    MISSING_ARGUMENTS_PROPERTY_IN_GENERIC_TEST_DEPRECATION,
    MISSING_PLUS_PREFIX_DEPRECATION,
    MODEL_PARAM_USAGE_DEPRECATION,
    MODULES_ITERTOOLS_USAGE_DEPRECATION,
    PACKAGE_INSTALL_PATH_DEPRECATION,
    PACKAGE_MATERIALIZATION_OVERRIDE_DEPRECATION,
    PACKAGE_REDIRECT_DEPRECATION,
    PROJECT_FLAGS_MOVED_DEPRECATION,
    PROPERTY_MOVED_TO_CONFIG_DEPRECATION,
    RESOURCE_NAMES_WITH_SPACES_DEPRECATION,
    SOURCE_FRESHNESS_PROJECT_HOOKS_NOT_RUN,
    SOURCE_OVERRIDE_DEPRECATION,
    TIME_DIMENSIONS_REQUIRE_GRANULARITY_DEPRECATION,
    UNEXPECTED_JINJA_BLOCK_DEPRECATION,
    WEO_INCLUDE_EXCLUDE_DEPRECATION,
];

/// The kind of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<EventKind> {
    ALL.iter().find(|kind| kind.name == name).copied()
}
