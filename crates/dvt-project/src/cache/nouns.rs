//! The manifest's nouns as bytes.

use super::pack::{Pack, Reader, Writer, pack_names, pack_struct};
use dvt_manifest::state::DeferRelation;
use dvt_manifest::{
    Access, Checksum, Column, Compiled, Config, DependsOn, Disabled, Doc, Exposure, FixtureFormat, FunctionArgument,
    FunctionCall, FunctionInfo, FunctionOverload, FunctionReturns, Group, InjectedCte, Macro, MacroArgument, MacroKind,
    Manifest, Node, Owner, Quoting, RefCall, RelationStyle, ResourceType, SemanticNode, Source, SourceCall,
    SourceFreshness, SourceQuoting, TestInfo, TestMetadata, Threshold, UnitTest, UnitTestInput, UnitTestOverrides,
    UnitTestRows,
};

pack_names! {
    ResourceType {
        Model, Analysis, Test, Snapshot, Operation, Seed, SqlOperation, Doc, Source, Macro, Exposure, Metric, Group,
        SavedQuery, SemanticModel, UnitTest, Function,
    }
    Access { Private, Protected, Public }
    MacroKind { Macro, Materialization, Test }
    FixtureFormat { Dict, Csv, Sql }
}

impl Pack for Threshold {
    fn put(&self, writer: &mut Writer) {
        match self {
            Self::Unsaid => writer.byte(0),
            Self::Off => writer.byte(1),
            Self::After { count, period } => {
                writer.byte(2);
                count.put(writer);
                period.put(writer);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.byte()? {
            0 => Some(Self::Unsaid),
            1 => Some(Self::Off),
            2 => Some(Self::After { count: Pack::take(reader)?, period: Pack::take(reader)? }),
            _ => None,
        }
    }
}

pack_struct! {
    Checksum { name, checksum }
    RefCall { name, package, version, span, unique_id }
    SourceCall { source_name, table_name, span, unique_id }
    FunctionCall { package, name, span, unique_id }
    DependsOn { macros, nodes }
    Compiled { path, code, extra_ctes_injected, extra_ctes }
    InjectedCte { id, sql }
    TestInfo { column_name, file_key_name, attached_node, metadata }
    TestMetadata { name, kwargs, namespace }
    Column {
        name, description, data_type, quote, tags, meta, constraints, config, granularity, dimension, entity,
        doc_blocks, extra,
    }
    FunctionInfo { arguments, returns, overloads }
    FunctionArgument { name, data_type, description, default_value }
    FunctionReturns { data_type, description }
    FunctionOverload { defined_in, arguments, returns, description, raw_body, compiled_body }
    Quoting { database, schema, identifier }
    RelationStyle { quoting, quote, has_database }
    DeferRelation {
        connection, database, schema, alias, relation_name, resource_type, name, description, compiled_code, meta, tags,
        config, signature,
    }
    Source {
        unique_id, source_name, name, package_name, path, original_file_path, fqn, connection, database, schema,
        identifier, relation_name, quoting, source_description, description, doc_blocks, loader, loaded_at_field,
        loaded_at_query, freshness, external, external_location, columns, meta, source_meta, tags, config, unrendered_config,
        unrendered_database, unrendered_schema, patch_path, created_at, span, style,
    }
    SourceQuoting { database, schema, identifier, column }
    SourceFreshness { warn_after, error_after, filter }
    Macro {
        unique_id, name, kind, package_name, path, original_file_path, macro_sql, depends_on, description, meta, docs,
        patch_path, arguments, created_at, supported_languages, span,
    }
    MacroArgument { name, argument_type, description }
    Doc { unique_id, name, package_name, path, original_file_path, block_contents }
    Owner { name, email, extra }
    Exposure {
        unique_id, name, package_name, path, original_file_path, fqn, exposure_type, owner, description, label,
        maturity, url, meta, tags, config, unrendered_config, depends_on, refs, sources, metrics, created_at, span,
    }
    Group { unique_id, name, package_name, path, original_file_path, owner, description, meta, config }
    SemanticNode {
        resource_type, unique_id, name, package_name, path, original_file_path, fqn, description, label, tags, meta,
        group, config, unrendered_config, depends_on, refs, created_at, body, span,
    }
    UnitTest {
        unique_id, name, package_name, path, original_file_path, fqn, model, description, given, expect, overrides,
        versions, version, config, depends_on, checksum, schema, created_at, span,
    }
    UnitTestInput { input, unique_id, rows, span }
    UnitTestRows { format, rows, fixture, span }
    UnitTestOverrides { macros, vars, env_vars }
}

impl Pack for Config {
    fn put(&self, writer: &mut Writer) {
        self.0.put(writer);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Pack::take(reader).map(Self)
    }
}

impl Pack for Disabled {
    fn put(&self, writer: &mut Writer) {
        match self {
            Self::Node(node) => {
                writer.byte(0);
                node.put(writer);
            }
            Self::Source(source) => {
                writer.byte(1);
                source.put(writer);
            }
            Self::Exposure(exposure) => {
                writer.byte(2);
                exposure.put(writer);
            }
            Self::Semantic(node) => {
                writer.byte(3);
                node.put(writer);
            }
            Self::UnitTest(unit_test) => {
                writer.byte(4);
                unit_test.put(writer);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(match reader.byte()? {
            0 => Self::Node(Pack::take(reader)?),
            1 => Self::Source(Pack::take(reader)?),
            2 => Self::Exposure(Pack::take(reader)?),
            3 => Self::Semantic(Pack::take(reader)?),
            4 => Self::UnitTest(Pack::take(reader)?),
            _ => return None,
        })
    }
}

impl Pack for Node {
    fn put(&self, writer: &mut Writer) {
        let Self {
            unique_id,
            resource_type,
            name,
            package_name,
            path,
            original_file_path,
            fqn,
            connection,
            database,
            schema,
            alias,
            relation_name,
            checksum,
            config,
            unrendered_config,
            tags,
            description,
            columns,
            meta,
            group,
            docs,
            patch_path,
            build_path,
            created_at,
            raw_code,
            language,
            refs,
            sources,
            metrics,
            functions,
            depends_on,
            compiled,
            contract_checksum,
            access,
            constraints,
            version,
            latest_version,
            deprecation_date,
            primary_key,
            time_spine,
            doc_blocks,
            defer_relation,
            function,
            test,
            root_path,
            index,
            file,
            span,
            template,
            template_range,
            style,
        } = self;
        unique_id.put(writer);
        resource_type.put(writer);
        name.put(writer);
        package_name.put(writer);
        path.put(writer);
        original_file_path.put(writer);
        fqn.put(writer);
        connection.put(writer);
        database.put(writer);
        schema.put(writer);
        alias.put(writer);
        relation_name.put(writer);
        checksum.put(writer);
        config.put(writer);
        unrendered_config.put(writer);
        tags.put(writer);
        description.put(writer);
        columns.put(writer);
        meta.put(writer);
        group.put(writer);
        docs.put(writer);
        patch_path.put(writer);
        build_path.put(writer);
        created_at.put(writer);
        language.put(writer);
        refs.put(writer);
        sources.put(writer);
        metrics.put(writer);
        functions.put(writer);
        depends_on.put(writer);
        compiled.put(writer);
        contract_checksum.put(writer);
        access.put(writer);
        constraints.put(writer);
        version.put(writer);
        latest_version.put(writer);
        deprecation_date.put(writer);
        primary_key.put(writer);
        time_spine.put(writer);
        doc_blocks.put(writer);
        defer_relation.put(writer);
        function.put(writer);
        test.put(writer);
        root_path.put(writer);
        index.put(writer);
        file.put(writer);
        span.put(writer);
        template.put(writer);
        template_range.put(writer);
        style.put(writer);
        // For most nodes the code is the template's text.
        let is_template = template.text.get(template_range.clone()) == Some(raw_code);
        is_template.put(writer);
        if !is_template {
            raw_code.put(writer);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let mut node = Self {
            unique_id: Pack::take(reader)?,
            resource_type: Pack::take(reader)?,
            name: Pack::take(reader)?,
            package_name: Pack::take(reader)?,
            path: Pack::take(reader)?,
            original_file_path: Pack::take(reader)?,
            fqn: Pack::take(reader)?,
            connection: Pack::take(reader)?,
            database: Pack::take(reader)?,
            schema: Pack::take(reader)?,
            alias: Pack::take(reader)?,
            relation_name: Pack::take(reader)?,
            checksum: Pack::take(reader)?,
            config: Pack::take(reader)?,
            unrendered_config: Pack::take(reader)?,
            tags: Pack::take(reader)?,
            description: Pack::take(reader)?,
            columns: Pack::take(reader)?,
            meta: Pack::take(reader)?,
            group: Pack::take(reader)?,
            docs: Pack::take(reader)?,
            patch_path: Pack::take(reader)?,
            build_path: Pack::take(reader)?,
            created_at: Pack::take(reader)?,
            language: Pack::take(reader)?,
            refs: Pack::take(reader)?,
            sources: Pack::take(reader)?,
            metrics: Pack::take(reader)?,
            functions: Pack::take(reader)?,
            depends_on: Pack::take(reader)?,
            compiled: Pack::take(reader)?,
            contract_checksum: Pack::take(reader)?,
            access: Pack::take(reader)?,
            constraints: Pack::take(reader)?,
            version: Pack::take(reader)?,
            latest_version: Pack::take(reader)?,
            deprecation_date: Pack::take(reader)?,
            primary_key: Pack::take(reader)?,
            time_spine: Pack::take(reader)?,
            doc_blocks: Pack::take(reader)?,
            defer_relation: Pack::take(reader)?,
            function: Pack::take(reader)?,
            test: Pack::take(reader)?,
            root_path: Pack::take(reader)?,
            index: Pack::take(reader)?,
            file: Pack::take(reader)?,
            span: Pack::take(reader)?,
            template: Pack::take(reader)?,
            template_range: Pack::take(reader)?,
            style: Pack::take(reader)?,
            raw_code: String::new(),
        };
        node.raw_code = if bool::take(reader)? {
            node.template.text.get(node.template_range.clone())?.to_owned()
        } else {
            Pack::take(reader)?
        };
        Some(node)
    }
}

/// The manifest without its metadata and selectors, which are read anew each time.
impl Pack for Manifest {
    fn put(&self, writer: &mut Writer) {
        let Self {
            metadata: _,
            nodes,
            sources,
            macros,
            docs,
            exposures,
            groups,
            unit_tests,
            metrics,
            semantic_models,
            saved_queries,
            functions,
            selectors: _,
            disabled,
        } = self;
        nodes.put(writer);
        sources.put(writer);
        macros.put(writer);
        docs.put(writer);
        exposures.put(writer);
        groups.put(writer);
        unit_tests.put(writer);
        metrics.put(writer);
        semantic_models.put(writer);
        saved_queries.put(writer);
        functions.put(writer);
        disabled.put(writer);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            nodes: Pack::take(reader)?,
            sources: Pack::take(reader)?,
            macros: Pack::take(reader)?,
            docs: Pack::take(reader)?,
            exposures: Pack::take(reader)?,
            groups: Pack::take(reader)?,
            unit_tests: Pack::take(reader)?,
            metrics: Pack::take(reader)?,
            semantic_models: Pack::take(reader)?,
            saved_queries: Pack::take(reader)?,
            functions: Pack::take(reader)?,
            disabled: Pack::take(reader)?,
            ..Self::default()
        })
    }
}
