//! A small manifest, built from lines.

use dvt_diagnostics::{SourceFile, Span};
use dvt_manifest::{
    Access, Checksum, Compiled, Config, DependsOn, IndexMap, Manifest, ManifestMetadata, Node, RelationStyle,
    ResourceType, Source, SourceQuoting, TestInfo, TestMetadata,
};
use serde_json::{Map, json};
use std::sync::Arc;

/// Nodes from lines: `model folder/name: parent, parent | tag, key=value`; `source name.table`;
/// `test name: parents` (generic when the name is `unique_…`).
pub(crate) fn manifest(lines: &str) -> Manifest {
    let mut manifest = Manifest {
        metadata: ManifestMetadata { project_name: "shop".to_owned(), ..ManifestMetadata::default() },
        ..Manifest::default()
    };
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (kind, rest) = line.split_once(' ').unwrap();
        if kind == "source" {
            let (source, table) = rest.split_once('.').unwrap();
            let source = source_table(source, table);
            manifest.sources.insert(source.unique_id.clone(), source);
            continue;
        }
        let (rest, options) = rest.split_once('|').unwrap_or((rest, ""));
        let (path, parents) = rest.split_once(':').unwrap_or((rest, ""));
        let mut node = node(kind.parse().unwrap(), path.trim());
        node.depends_on.nodes = parents
            .split(',')
            .map(str::trim)
            .filter(|parent| !parent.is_empty())
            .map(|parent| full_id(&manifest, parent))
            .collect();
        for option in options.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some((key, value)) => node.config.set(key, json!(value)),
                None => node.tags.push(option.to_owned()),
            }
        }
        manifest.nodes.insert(node.unique_id.clone(), node);
    }
    manifest
}

/// Parents may be named before they are defined (for cycles): a bare name is then a model.
fn full_id(manifest: &Manifest, name: &str) -> String {
    if name.contains('.') {
        return format!("source.shop.{name}");
    }
    let known = manifest.nodes.values().find(|node| node.name == name);
    known.map_or_else(|| format!("model.shop.{name}"), |node| node.unique_id.clone())
}

pub(crate) fn node(resource_type: ResourceType, path: &str) -> Node {
    let name = path.rsplit('/').next().unwrap().to_owned();
    let mut fqn = vec!["shop".to_owned()];
    fqn.extend(path.split('/').map(str::to_owned));
    let original = format!("{resource_type}s/{path}.sql");
    let file = SourceFile::new(original.clone(), "select 1");
    let is_generic = resource_type == ResourceType::Test && name.starts_with("unique_");
    Node {
        unique_id: format!("{resource_type}.shop.{name}"),
        resource_type,
        package_name: "shop".to_owned(),
        path: format!("{path}.sql"),
        original_file_path: original,
        fqn,
        connection: "dev".to_owned(),
        database: Some("db".to_owned()),
        schema: "public".to_owned(),
        alias: name.clone(),
        relation_name: None,
        checksum: Checksum::of_text("select 1"),
        config: Config(Map::new()),
        unrendered_config: Map::new(),
        tags: Vec::new(),
        description: String::new(),
        columns: IndexMap::new(),
        meta: Map::new(),
        group: None,
        docs: Map::new(),
        patch_path: None,
        build_path: None,
        created_at: 0.0,
        raw_code: "select 1".to_owned(),
        language: "sql".to_owned(),
        refs: Vec::new(),
        sources: Vec::new(),
        metrics: Vec::new(),
        functions: Vec::new(),
        depends_on: DependsOn::default(),
        compiled: Compiled::default(),
        contract_checksum: None,
        access: Access::Protected,
        constraints: Vec::new(),
        version: None,
        defer_relation: None,
        latest_version: None,
        deprecation_date: None,
        primary_key: Vec::new(),
        time_spine: None,
        doc_blocks: Vec::new(),
        function: None,
        test: (resource_type == ResourceType::Test).then(|| TestInfo {
            metadata: is_generic.then(|| TestMetadata {
                name: "unique".to_owned(),
                kwargs: Map::new(),
                namespace: None,
            }),
            ..TestInfo::default()
        }),
        root_path: None,
        index: None,
        span: Span::new(&file, 0..6),
        template: Arc::clone(&file),
        template_range: 0..8,
        file,
        style: RelationStyle::default(),
        name,
    }
}

pub(crate) fn source_table(source: &str, table: &str) -> Source {
    let file = SourceFile::new("models/sources.yml", "sources:");
    Source {
        unique_id: format!("source.shop.{source}.{table}"),
        source_name: source.to_owned(),
        name: table.to_owned(),
        package_name: "shop".to_owned(),
        path: "models/sources.yml".to_owned(),
        original_file_path: "models/sources.yml".to_owned(),
        fqn: vec!["shop".to_owned(), source.to_owned(), table.to_owned()],
        connection: "dev".to_owned(),
        database: Some("db".to_owned()),
        schema: source.to_owned(),
        identifier: table.to_owned(),
        relation_name: None,
        quoting: SourceQuoting::default(),
        source_description: String::new(),
        description: String::new(),
        doc_blocks: Vec::new(),
        loader: String::new(),
        loaded_at_field: None,
        loaded_at_query: None,
        freshness: None,
        external: None,
        external_location: None,
        columns: IndexMap::new(),
        meta: Map::new(),
        source_meta: Map::new(),
        tags: Vec::new(),
        config: Config(Map::new()),
        unrendered_config: Map::new(),
        unrendered_database: None,
        unrendered_schema: None,
        patch_path: None,
        created_at: 0.0,
        span: Span::new(&file, 0..7),
        style: RelationStyle::default(),
    }
}
