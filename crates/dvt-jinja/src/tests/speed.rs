//! How fast models parse: run with `--run-ignored all`, in release for a figure that counts.

use super::support::{context, library};
use crate::{ParseBridge, Phase, render};
use dvt_diagnostics::SourceFile;
use dvt_sql::POSTGRES;
use std::sync::Arc;
use std::time::Instant;

#[test]
#[ignore = "a measurement, not a test"]
fn parse_a_thousand_models() {
    let library = library(&[]);
    let context = context(Phase::Parse);
    let bridge = Arc::new(ParseBridge::new("warehouse", &POSTGRES));
    let files: Vec<_> = (0..1000)
        .map(|index| {
            let text = format!(
                "{{{{ config(materialized='table', tags=['t{index}']) }}}}\nselect a.*, b.x\nfrom {{{{ ref('model_{index}') }}}} a\njoin {{{{ ref('other_{index}') }}}} b using (id)\n{{% if is_incremental() %}}where a.ts > (select max(ts) from {{{{ this }}}}){{% endif %}}\n"
            );
            SourceFile::new(format!("models/m{index}.sql"), text)
        })
        .collect();
    let start = Instant::now();
    for file in &files {
        let rendered = render(&library, &context, bridge.clone(), file).unwrap();
        assert_eq!((rendered.asked.refs.len(), rendered.asked.configs.len()), (2, 1));
    }
    println!("1000 models in {:?}", start.elapsed());
    let start = Instant::now();
    let library = super::support::library(&[]);
    println!("the built-in package ({} macros) loads in {:?}", library.definitions().count(), start.elapsed());
}
