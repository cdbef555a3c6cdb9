//! The documentation page: one built file, the same with a project's artifacts inside, and a server for it.
//!
//! The page is built from `site/` by `node site/build.mjs` and checked in as `page/index.html`, so that building dvt needs
//! neither node nor the network. It reads `manifest.json` and `catalog.json` beside it.

mod server;

pub use server::{DocsServer, ServeError};

/// `index.html`.
pub const PAGE: &str = include_str!("../page/index.html");

const MANIFEST_PLACE: &str = "\"MANIFEST.JSON INLINE DATA\"";
const CATALOG_PLACE: &str = "\"CATALOG.JSON INLINE DATA\"";

/// `static_index.html`: the page with both artifacts inside, for a place without a server. The texts are JSON.
#[must_use]
pub fn static_page(manifest: &str, catalog: &str) -> String {
    let mut page = String::with_capacity(PAGE.len() + manifest.len() + catalog.len());
    let mut rest = PAGE;
    for (place, artifact) in [(MANIFEST_PLACE, manifest), (CATALOG_PLACE, catalog)] {
        if let Some((before, after)) = rest.split_once(place) {
            page.push_str(before);
            push_for_script(&mut page, artifact);
            rest = after;
        }
    }
    page.push_str(rest);
    page
}

/// JSON inside of a script element: `<` stands in texts only, where it may be written as an escape; the element can then
/// not be ended from within.
fn push_for_script(page: &mut String, json: &str) {
    let mut rest = json;
    while let Some(position) = rest.find('<') {
        page.push_str(&rest[..position]);
        page.push_str("\\u003c");
        rest = &rest[position + 1..];
    }
    page.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::Command;

    #[test]
    fn both_artifacts_stand_in_the_static_page_and_cannot_leave_their_element() {
        let manifest = r#"{"description": "</script><script>alert(1)</script> CATALOG.JSON INLINE DATA"}"#;
        let page = static_page(manifest, r#"{"nodes": {}}"#);
        assert!(page.contains(r#"{"description": "\u003c/script>\u003cscript>alert(1)\u003c/script> CATALOG"#));
        assert!(page.contains(r#"id="catalog">{"nodes": {}}</script>"#));
        assert!(!page.contains(MANIFEST_PLACE) && !page.contains(CATALOG_PLACE));
        assert_eq!(PAGE.matches(MANIFEST_PLACE).count(), 1);
        assert_eq!(PAGE.matches(CATALOG_PLACE).count(), 1);
    }

    #[test]
    fn the_page_asks_no_other_site() {
        assert!(PAGE.contains("Content-Security-Policy"));
        assert!(!PAGE.contains("<script src") && !PAGE.contains("<link "));
    }

    /// Where node is installed, the page that is checked in is the one that `site/` builds.
    #[test]
    fn the_page_is_built_from_its_source() {
        let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("site/build.mjs");
        match Command::new("node").arg(site).arg("--check").output() {
            Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}"),
        }
    }
}
