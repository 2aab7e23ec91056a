//! The reference of preset keys, `docs/presets.md`, made from the table.

use super::keys::{KEYS, Key, SECTIONS};
use std::fmt::Write as _;

const HEAD: &str = "\
# Presets

A preset says what to search, on which images, by which recipe. It is a TOML file. Those that `pgnas presets` lists are inside the
program (`presets/` has their files, every key that applies documented in place; `docs/spaces.md` is about their networks); a file of the same name in the user's preset folder, which `pgnas doctor`
shows, is laid over one of them; any other file there is a preset of its own, and so is any path that ends in `.toml`. A key that no file sets
has its default, and `--set key=value` is laid over everything:

    pgnas search digits --set train.epochs=5 --set space.stages=8,16

A preset may have variants of its recipe, each a section `[variant.NAME]` of lines `section.key = value`, which is laid over the file that
has it where `:NAME` stands behind the preset's name:

    pgnas search supnet-e:authors

The effective preset is kept in the run's `config.toml`, every key with its origin (`default`, `preset digits`, `file …`, `--set`); that
file is a preset again. A wrong key or value is an error that names the place, the key and the remedy; nothing is ignored.

*Made from the table in `src/preset/keys.rs`; a test holds it to that.*
";

/// The whole reference as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    let top = ("", "At the top of the file.");
    for (section, about) in std::iter::once(top).chain(SECTIONS) {
        let heading = if section.is_empty() { String::new() } else { format!("## [{section}]\n\n") };
        let _ = write!(text, "\n{heading}{about}\n\n| key | default | value | meaning |\n|---|---|---|---|\n");
        for key in KEYS.iter().filter(|key| key.section() == section) {
            let _ = writeln!(text, "| `{}` | `{}` | {} | {} |", key.path, key.default, cell(&key.kind.to_string()), cell(&meaning(key)));
        }
    }
    text
}

fn meaning(key: &Key) -> String {
    match key.when {
        None => key.doc.to_owned(),
        Some((other, words)) => format!("{} Only where `{other}` is {}.", key.doc, words.join(" or ")),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
