//! The order of the rooms: what each room of `src/` may use of the others and of the world outside.

use std::{collections::BTreeSet, fs, path::Path};

/// A line of the table. Rooms stand lowest first and may only use rooms that stand above them here.
struct Room {
    name: &'static str,
    rooms: &'static [&'static str],
    outside: Outside,
}

/// What a room may name beyond the standard library.
enum Outside {
    /// No dependency of the program but these.
    Only(&'static [&'static str]),
    /// Whatever it likes, without these words.
    Without(&'static [&'static str]),
}
use Outside::{Only, Without};

/// Numbers and files: no tensors, no terminal.
const PURE: Outside = Without(&["burn", "ratatui", "crossterm"]);

const ROOMS: &[Room] = &[
    Room { name: "random", rooms: &[], outside: PURE },
    // Beside the standard library only the derive of error messages.
    Room { name: "graph", rooms: &["random"], outside: Only(&["thiserror"]) },
    Room { name: "posterior", rooms: &["random", "graph"], outside: PURE },
    Room { name: "preset", rooms: &["random", "graph"], outside: PURE },
    Room { name: "data", rooms: &["random"], outside: PURE },
    Room { name: "run", rooms: &["random", "graph", "posterior", "preset", "data"], outside: PURE },
    Room { name: "link", rooms: &["random", "graph", "posterior", "preset", "data", "run"], outside: Without(&["ratatui", "crossterm"]) },
    Room {
        name: "engine",
        rooms: &["random", "graph", "posterior", "preset", "data", "run", "link"],
        outside: Without(&["ratatui", "crossterm"]),
    },
    Room { name: "export", rooms: &["random", "graph", "posterior", "preset", "data", "run"], outside: Without(&["ratatui", "crossterm"]) },
    // From here up only `cli` knows the engine: the screen sees a run through its events, wherever it is trained.
    Room { name: "app", rooms: &["random", "graph", "posterior", "preset", "data", "run", "link", "export"], outside: PURE },
    Room {
        name: "ui",
        rooms: &["random", "graph", "posterior", "preset", "data", "run", "link", "export", "app"],
        // It draws into buffers; the terminal itself, by whatever name, belongs to `term`.
        outside: Without(&["burn", "crossterm", "CrosstermBackend", "DefaultTerminal"]),
    },
    Room {
        name: "term",
        rooms: &["random", "graph", "posterior", "preset", "data", "run", "link", "export", "app", "ui"],
        outside: Without(&["burn"]),
    },
    Room {
        name: "cli",
        rooms: &["random", "graph", "posterior", "preset", "data", "run", "engine", "link", "export", "app", "ui", "term"],
        outside: Without(&[]),
    },
];

/// A word or sign of Rust source, and the line it stands in. Comments, strings and characters are none.
#[derive(Debug)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

fn tokens(source: &str) -> Vec<Token<'_>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        let skipped = if rest.starts_with("//") {
            Some(rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            Some(block_comment(rest))
        } else if first == '"' {
            Some(quoted(rest, '"'))
        } else if first == '\'' {
            let mut next = rest[1..].chars();
            let is_character = next.next() == Some('\\') || next.next() == Some('\'');
            // A lifetime's name is no word of a path, so it goes with its quote.
            Some(if is_character { quoted(rest, '\'') } else { 1 + rest[1..].find(|c| !is_word(c)).unwrap_or(rest.len() - 1) })
        } else if first.is_whitespace() {
            Some(first.len_utf8())
        } else {
            raw_string(word, &rest[word.len()..])
        };
        let length = skipped.unwrap_or(match word.len() {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            length => length,
        });
        let (text, after) = rest.split_at(length);
        if skipped.is_none() {
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The length of the block comment that `text` begins with; block comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of the literal that `text` begins with, from `quote` to `quote`.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The length of the raw string that begins with the prefix `word` and goes on with `text`, if there is one.
fn raw_string(word: &str, text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    if !["r", "br", "cr"].contains(&word) || !text[hashes..].starts_with('"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = hashes + 1;
    Some(word.len() + text[inside..].find(&end).map_or(text.len(), |at| inside + at + end.len()))
}

/// What the source names of the crate's root: by `crate::`, or by as many `super::` as lead there. `depth` is how many modules
/// deep the file lies.
fn named_of_root<'a>(tokens: &[Token<'a>], depth: usize) -> Vec<(usize, &'a str)> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut named = Vec::new();
    // The brackets open at this place, and whether each is that of a module.
    let mut open = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        at += 1;
        let root = match text(start) {
            "{" => {
                open.push(start >= 2 && text(start - 2) == "mod");
                false
            }
            "}" => {
                open.pop();
                false
            }
            "super" => {
                let mut climbed = 1;
                while text(at) == "::" && text(at + 1) == "super" {
                    (at, climbed) = (at + 2, climbed + 1);
                }
                climbed == depth + open.iter().filter(|&&module| module).count()
            }
            "crate" | "pgnas" => true,
            _ => false,
        };
        match text(at) {
            "::" if root => named.extend(heads(tokens, at + 1)),
            // `use crate as root` would hide everything after it.
            "as" if root => named.push((tokens[start].line, "as")),
            _ => {}
        }
    }
    named
}

/// The first segment of a path's rest, or of each path in its group.
fn heads<'a>(tokens: &[Token<'a>], at: usize) -> Vec<(usize, &'a str)> {
    let rest = tokens.get(at..).unwrap_or_default();
    if rest.first().is_none_or(|token| token.text != "{") {
        return rest.first().map(|token| (token.line, token.text)).into_iter().collect();
    }
    let mut depth = 0;
    let mut heads = Vec::new();
    for (before, token) in rest.iter().zip(&rest[1..]) {
        match before.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        match (depth, before.text, token.text) {
            (0, ..) => break,
            (1, "{" | ",", text) if text != "}" => heads.push((token.line, text)),
            _ => {}
        }
    }
    heads
}

/// Everything in a file of `src/` that its room may not do, one line each.
fn violations(path: &str, source: &str, dependencies: &BTreeSet<String>) -> Vec<String> {
    let inner = path.strip_prefix("src/").expect("a path of src/");
    let modules = inner.strip_suffix("/mod.rs").or(inner.strip_suffix(".rs")).expect("a Rust file");
    let own = modules.split('/').next().unwrap_or_default();
    let Some(room) = ROOMS.iter().find(|room| room.name == own) else {
        return vec![format!("{path}: `{own}` is no room of the table in tests/rooms.rs")];
    };
    let tokens = tokens(source);
    let mut found = Vec::new();
    for (line, named) in named_of_root(&tokens, modules.split('/').count()) {
        if named != own && !room.rooms.contains(&named) {
            found.push(format!("{path}:{line}: room `{own}` may not use `crate::{named}`"));
        }
    }
    for (at, &Token { text, line }) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |at| tokens[at].text);
        let after = tokens.get(at + 1).map_or("", |token| token.text);
        let forbidden = match room.outside {
            Only(allowed) => {
                !allowed.contains(&text)
                    && dependencies.contains(text)
                    && (before == "use" || before == "crate" || (after == "::" && before != "::"))
            }
            Without(words) => words.contains(&text),
        };
        if forbidden {
            found.push(format!("{path}:{line}: room `{own}` may not name `{text}`"));
        }
    }
    found
}

/// The dependencies of the program (not those of its tests) as Rust spells them.
fn dependencies() -> BTreeSet<String> {
    let manifest: toml::Table = include_str!("../Cargo.toml").parse().expect("Cargo.toml is TOML");
    let names = manifest["dependencies"].as_table().expect("a table of dependencies").keys();
    names.map(|name| name.replace('-', "_")).collect()
}

/// Every Rust file under a folder, as (path from the crate's root, source).
fn sources(folder: &Path, name: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of src/") {
        let path = entry.expect("an entry of src/").path();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        let name = format!("{name}/{}", path.file_name().expect("a name").to_string_lossy());
        if path.is_dir() {
            sources(&path, &name, files);
        } else if is_source {
            files.push((name, fs::read_to_string(&path).expect("a source in UTF-8")));
        }
    }
}

#[test]
fn rooms_use_only_what_the_table_allows() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "src", &mut files);
    files.retain(|(path, _)| path != "src/lib.rs" && path != "src/main.rs");
    assert!(files.len() >= ROOMS.len(), "only {} files were found", files.len());
    let dependencies = dependencies();
    let found: Vec<String> = files.iter().flat_map(|(path, source)| violations(path, source, &dependencies)).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn the_table_has_each_room_once_and_in_order() {
    for (at, room) in ROOMS.iter().enumerate() {
        for used in room.rooms {
            assert!(ROOMS[..at].iter().any(|lower| lower.name == *used), "`{}` may use `{used}`, which is not below it", room.name);
        }
    }
    let table: BTreeSet<_> = ROOMS.iter().map(|room| room.name).collect();
    assert_eq!(table.len(), ROOMS.len(), "a room stands twice");
    let library = tokens(include_str!("../src/lib.rs"));
    let declared: BTreeSet<_> = library.windows(2).filter(|pair| pair[0].text == "mod").map(|pair| pair[1].text).collect();
    assert_eq!(table, declared, "the table and src/lib.rs differ");
}

#[test]
fn the_scanner_catches_violations() {
    let dependencies = dependencies();
    for (path, source, caught) in [
        ("src/data/x.rs", "use crate::engine::Engine;", ":1: room `data` may not use `crate::engine`"),
        ("src/data/x.rs", "\n\nfn f() { crate::engine::f() }", ":3: room `data` may not use `crate::engine`"),
        ("src/data/x.rs", "use crate::{random::{self, Purpose}, run::Event};", "`crate::run`"),
        ("src/data/x.rs", "use crate::{\n    random,\n    run,\n};", ":3: room `data` may not use `crate::run`"),
        ("src/data/x.rs", "macro_rules! m { () => { $crate::run::f() } }", "`crate::run`"),
        ("src/data/x.rs", "use crate::*;", "`crate::*`"),
        ("src/data/x.rs", "use crate as root;", "`crate::as`"),
        ("src/data/x.rs", "use crate::{self as root};", "`crate::self`"),
        ("src/data/x.rs", "extern crate self as pgnas; use pgnas::run::Event;", "`crate::run`"),
        ("src/data/mod.rs", "use super::run::Event;", "`crate::run`"),
        ("src/data/mod.rs", "mod tests { use super::super::run::Event; }", "`crate::run`"),
        ("src/data/x.rs", "use super::super::{random, run};", "`crate::run`"),
        ("src/graph/families/edges.rs", "use super::super::super::posterior::Posterior;", "`crate::posterior`"),
        ("src/random.rs", "use crate::graph::Graph;", "`crate::graph`"),
        ("src/app/x.rs", "use crate::engine::Engine;", "`crate::engine`"),
        ("src/app/x.rs", "use ratatui::layout::Rect;", "room `app` may not name `ratatui`"),
        ("src/ui/x.rs", "use ratatui::crossterm::terminal::enable_raw_mode;", "room `ui` may not name `crossterm`"),
        ("src/engine/x.rs", "fn f() { crossterm::terminal::size(); }", "room `engine` may not name `crossterm`"),
        ("src/run/x.rs", "use burn as b;", "room `run` may not name `burn`"),
        ("src/graph/x.rs", "use serde::Serialize;", "room `graph` may not name `serde`"),
        ("src/graph/x.rs", "#[derive(serde_json::X)] struct S;", "room `graph` may not name `serde_json`"),
        ("src/graph/x.rs", "extern crate serde;", "room `graph` may not name `serde`"),
        ("src/attic/x.rs", "", "`attic` is no room"),
        ("src/data/x.rs", "const A: char = '\\''; const B: &str = \"\\\"\"; use crate::run::C;", "`crate::run`"),
        ("src/data/x.rs", "/* /* */ */ fn f<'a>(a: &'a str) { r#\"\"\"#; b'\"'; crate::run::f(a) }", "`crate::run`"),
    ] {
        let found = violations(path, source, &dependencies);
        assert!(found.len() == 1 && found[0].starts_with(path) && found[0].contains(caught), "{source}: {found:?}");
    }
}

#[test]
fn the_scanner_lets_pass_what_is_allowed() {
    let dependencies = dependencies();
    for (path, source) in [
        ("src/data/x.rs", "use crate::{random::{self, Purpose}, data::{Images, Batch}};"),
        ("src/data/x.rs", "pub(crate) fn f() {} pub(in crate::data) fn g() {}"),
        ("src/data/x.rs", "//! See `crate::engine`.\n/// [`crate::engine::Engine`]\n/* crate::run /* burn */ crossterm */ // use burn;"),
        ("src/data/x.rs", "const A: &str = \"crate::engine burn\"; const B: &str = r#\"crate::run \" burn\"#;"),
        ("src/data/x.rs", "use super::run; mod tests { use super::super::run; use super::*; }"),
        ("src/data/mod.rs", "mod tests { use super::run::own; }"),
        ("src/graph/x.rs", "use crate::random::stream; use std::collections::HashMap; fn f(toml: u8) -> u8 { toml }"),
        ("src/engine/x.rs", "use burn::tensor::Tensor; use crate::{run::Event, graph::Graph};"),
        ("src/ui/x.rs", "use ratatui::{buffer::Buffer, layout::Rect}; use crate::app::App;"),
        ("src/term/x.rs", "use crossterm::terminal; use crate::ui;"),
        ("src/cli/export.rs", "use crate::{engine, export, term};"),
    ] {
        assert_eq!(violations(path, source, &dependencies), Vec::<String>::new(), "{source}");
    }
}
