//! Which files import each other in circles.

use std::collections::{BTreeMap, BTreeSet};

/// Where a file's module stands: `["engine", "checks"]`.
pub(crate) type Module = Vec<String>;

/// What each module of the library imports of the others.
#[derive(Default)]
pub(crate) struct Imports(BTreeMap<Module, BTreeSet<Module>>);

impl Imports {
    /// Of the code of every module.
    pub(crate) fn of(files: &BTreeMap<Module, String>) -> Self {
        let imports_of = |(module, code): (&Module, &String)| {
            let named = paths(module, code).into_iter().map(|path| longest(path, files));
            let mut imports: BTreeSet<Module> =
                named.filter(|import| !import.is_empty() && import != module).collect();
            imports.extend(children(module, code, files));
            (module.clone(), imports)
        };
        Self(files.iter().map(imports_of).collect())
    }

    /// Leaves out what the files below a module import of it.
    pub(crate) fn forgive_children_of(&mut self, parent: &str) {
        let parent = parent.split('/').map(str::to_owned).collect::<Module>();
        for (_, imports) in self.0.iter_mut().filter(|(module, _)| module.starts_with(&parent)) {
            imports.remove(&parent);
        }
    }

    /// Each import that leads back to where it stands, as `a/b imports c`.
    pub(crate) fn circles(&self) -> Vec<String> {
        let leads_back = |(from, to): &(&Module, &Module)| self.reaches(to, from);
        let edges = self.0.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
        let words =
            |(from, to): (&Module, &Module)| format!("{} imports {}", from.join("/"), to.join("/"));
        edges.filter(leads_back).map(words).collect()
    }

    fn reaches(&self, from: &Module, to: &Module) -> bool {
        let (mut seen, mut ahead) = (BTreeSet::new(), vec![from]);
        while let Some(module) = ahead.pop() {
            if module == to {
                return true;
            }
            if seen.insert(module) {
                ahead.extend(self.0.get(module).into_iter().flatten());
            }
        }
        false
    }
}

/// The module that a path leads into: of its beginnings the longest that is a file.
fn longest(mut path: Module, files: &BTreeMap<Module, String>) -> Module {
    while !path.is_empty() && !files.contains_key(&path) {
        path.pop();
    }
    path
}

/// The modules declared in this one whose items it names without `crate::` or `super::`.
fn children(module: &Module, code: &str, files: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let declared = code.lines().filter_map(|line| {
        let declaration = line.trim().strip_suffix(';')?;
        let (before, name) = declaration.rsplit_once("mod ")?;
        (before.is_empty() || before.starts_with("pub")).then_some(name)
    });
    let named = declared.filter(|name| {
        code.match_indices(&format!("{name}::"))
            .any(|(at, _)| !code[..at].ends_with(|c: char| is_word(c) || c == ':'))
    });
    let child = |name: &str| module.iter().cloned().chain([name.to_owned()]).collect::<Module>();
    named.map(child).filter(|child| files.contains_key(child)).collect()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Every path of a file that begins with `crate` or `super`, from the root.
fn paths(module: &Module, code: &str) -> Vec<Module> {
    let mut paths = Vec::new();
    for keyword in ["crate::", "super::"] {
        for (at, _) in code.match_indices(keyword) {
            let before = &code[..at];
            // `super::super::`, `$crate::`, and visibilities, which import nothing.
            if before.ends_with(|c: char| is_word(c) || c == ':') || before.ends_with("pub(in ") {
                continue;
            }
            let mut base = if keyword == "crate::" { Vec::new() } else { module.clone() };
            let mut rest = &code[at..];
            while let Some(behind) = rest.strip_prefix("super::") {
                base.pop();
                rest = behind;
            }
            expand(&base, rest.strip_prefix("crate::").unwrap_or(rest), &mut paths);
        }
    }
    paths
}

/// Adds what `a::{b, c::d}` names below `base`, and gives what stands behind it.
fn expand<'c>(base: &Module, mut code: &'c str, paths: &mut Vec<Module>) -> &'c str {
    let mut path = base.clone();
    loop {
        code = code.trim_start();
        if let Some(mut group) = code.strip_prefix('{') {
            while !group.trim_start().starts_with('}') && !group.trim_start().is_empty() {
                let behind = expand(&path, group, paths).trim_start();
                // What is no path at all (`as x`) is stepped over.
                let end = behind.find([',', '}']).unwrap_or(behind.len());
                group = behind[end..].strip_prefix(',').unwrap_or(&behind[end..]);
            }
            return group.trim_start().strip_prefix('}').unwrap_or("");
        }
        let end = code.find(|c| !is_word(c)).unwrap_or(code.len());
        path.push(code[..end].to_owned());
        code = &code[end..];
        match code.strip_prefix("::") {
            Some(behind) => code = behind,
            None => break,
        }
    }
    paths.push(path);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(files: &[(&str, &str)]) -> Imports {
        let module = |path: &str| path.split('/').map(str::to_owned).collect::<Module>();
        let files = files.iter().map(|(path, code)| (module(path), (*code).to_owned()));
        Imports::of(&files.collect())
    }

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        imports(files).circles()
    }

    #[test]
    fn a_line_of_imports_is_no_circle() {
        let files = [
            ("a", "use std::fmt;"),
            ("b", "use crate::a::{self, One};\nuse crate::a::Two;"),
            ("b/c", "use crate::{a, b::Three};"),
            ("d", "fn f() -> crate::b::c::Four { todo() }"),
        ];
        assert_eq!(circles(&files), [""; 0]);
    }

    #[test]
    fn a_circle_is_found_however_it_is_written() {
        for back in [
            "use crate::b::c::One;",
            "use crate::b::{\n    Two,\n    c::{One, Other as Another},\n};",
            "use crate::{d, b::c};",
            "use super::b::c::One;",
            "pub(super) use crate::b::c::One;",
            "fn f(one: &crate::b::c::One) {}",
        ] {
            let files =
                [("a", back), ("b", "pub struct Two;"), ("b/c", "use crate::a;"), ("d", "")];
            assert_eq!(circles(&files), ["a imports b/c", "b/c imports a"], "{back}");
        }
    }

    #[test]
    fn a_way_back_may_be_long_and_others_on_it_are_not_named() {
        let files = [
            ("a", "use crate::b;"),
            ("b", "use crate::c;"),
            ("c", "use crate::a;\nuse crate::d;"),
            ("d", ""),
            ("e", "use crate::a;"),
        ];
        assert_eq!(circles(&files), ["a imports b", "b imports c", "c imports a"]);
    }

    #[test]
    fn a_parent_that_names_its_child_and_the_child_that_names_it_are_a_circle() {
        for parent in ["mod c;\nuse c::One;", "pub(crate) mod c;\nfn f() { c::one(); }"] {
            let files = [("b", parent), ("b/c", "use super::Two;")];
            assert_eq!(circles(&files), ["b imports b/c", "b/c imports b"], "{parent}");
        }
        // It only declares it.
        let files = [("b", "mod c;\nfn f() { abc::one(); }"), ("b/c", "use super::Two;")];
        assert_eq!(circles(&files), [""; 0]);
    }

    #[test]
    fn children_may_be_forgiven_and_other_circles_below_them_are_not() {
        let shared = [("b", "use crate::b::c::One;"), ("b/c", "use crate::b::Two;")];
        let mut forgiven = imports(&shared);
        forgiven.forgive_children_of("b");
        assert_eq!(forgiven.circles(), [""; 0]);
        let siblings = [("b/c", "use super::d;"), ("b/d", "use super::c;"), ("b", "")];
        let mut forgiven = imports(&siblings);
        forgiven.forgive_children_of("b");
        assert_eq!(forgiven.circles(), ["b/c imports b/d", "b/d imports b/c"]);
    }

    #[test]
    fn a_visibility_is_no_import() {
        let files = [("b", "use crate::b::c::One;"), ("b/c", "pub(in crate::b) struct One;")];
        assert_eq!(circles(&files), [""; 0]);
    }
}
