//! The one table of what a space file may say. Reading, checking, suggestions, the schema and the table of `docs/spaces.md` follow it.

use super::super::kind::Kind;

/// A table of a space file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The top of the file.
    File,
    /// `[stem]`.
    Stem,
    /// `[[stage]]`.
    Stage,
    /// `[cell.<name>]`, and what a stage says of its own cell.
    Cell,
    /// The value of an edge, where it is a table.
    Edge,
    /// `[head]`.
    Head,
}

/// What the value of a key may be.
#[derive(Debug)]
pub enum Form {
    /// As in a preset.
    Plain(Kind),
    /// One operation.
    Operation,
    /// One operation or a list of them.
    Operations,
    /// Channels, rows and columns of an image.
    Image,
    /// Edges: a table `"a -> b" = operations`, or a list of `"a -> b"`.
    Edges,
    /// A list of branches, each a list of layers, each an operation or a list of them.
    Branches,
    /// A name or a list of names.
    Names,
    /// An operation, `"block"` or the name of a cell.
    Reduction,
    /// A table.
    Table(Part),
    /// Several tables.
    Tables(Part),
    /// Tables by names.
    Named(Part),
}

/// One key of a space file.
#[derive(Debug)]
pub struct SpaceKey {
    /// The tables in which it stands.
    pub parts: &'static [Part],
    /// Its name.
    pub name: &'static str,
    /// What its value may be.
    pub form: Form,
    /// What holds where it is not there.
    pub default: &'static str,
    /// A value that would do, as a TOML literal.
    pub example: &'static str,
    /// What it means, in one line.
    pub doc: &'static str,
}

const fn key(
    parts: &'static [Part],
    name: &'static str,
    form: Form,
    default: &'static str,
    example: &'static str,
    doc: &'static str,
) -> SpaceKey {
    SpaceKey { parts, name, form, default, example, doc }
}

use Form::{Branches, Edges, Image, Named, Names, Operation, Operations, Plain, Reduction, Table, Tables};
use Kind::{Flag, Text, Whole, Word};

const FILE: &[Part] = &[Part::File];
const STEM: &[Part] = &[Part::Stem];
const STAGE: &[Part] = &[Part::Stage];
const CELL: &[Part] = &[Part::Stage, Part::Cell];
const EDGE: &[Part] = &[Part::Edge];
const HEAD: &[Part] = &[Part::Head];

/// Every key, table by table.
pub static SPACE_KEYS: &[SpaceKey] = &[
    key(FILE, "summary", Plain(Text), "none", r#""A chain""#, "One line on what it is."),
    key(
        FILE,
        "image",
        Image,
        "[3, 32, 32]",
        "[3, 32, 32]",
        "Channels, rows and columns of the images that `check` and `draw` take it for; a search has its own.",
    ),
    key(FILE, "classes", Plain(Whole(1..=100_000)), "10", "10", "Classes that `check` and `draw` take it for."),
    key(FILE, "operations", Operations, "none", r#"["conv3", "sep3", "identity"]"#, "Candidate operations wherever none are named."),
    key(FILE, "stem", Table(Part::Stem), "its defaults", "[stem]", "What comes first: convolution → batch norm."),
    key(
        FILE,
        "stage",
        Tables(Part::Stage),
        "none; at least one",
        "[[stage]]",
        "A stage: blocks of one width, on what the stage before yields.",
    ),
    key(FILE, "cell", Named(Part::Cell), "none", "[cell.diamond]", "A cell, by a name that stages use."),
    key(
        FILE,
        "head",
        Table(Part::Head),
        "its defaults",
        "[head]",
        "What comes last: batch norm → ReLU → global average pool → classifier.",
    ),
    key(STEM, "channels", Plain(Whole(1..=8192)), "those of the first stage", "16", "Output channels."),
    key(STEM, "kernel", Plain(Whole(1..=15)), "3", "3", "Side of the kernel; odd."),
    key(STEM, "stride", Plain(Whole(1..=8)), "1", "2", "Stride."),
    key(STEM, "pool", Plain(Flag), "false", "true", "Whether ReLU and a 3x3 max pool of stride 2 follow, as for ImageNet."),
    key(STEM, "masked", Plain(Flag), "false", "true", "Whether its input channels are a mask group."),
    key(STAGE, "channels", Plain(Whole(1..=8192)), "none; must be there", "32", "Channels that every edge yields."),
    key(STAGE, "stride", Plain(Whole(1..=8)), "1 for the first stage, 2 for the others", "2", "How many times smaller the image gets."),
    key(
        STAGE,
        "blocks",
        Plain(Whole(1..=256)),
        "1, or one for each name of `cell`",
        "3",
        "Blocks, one after the other; the names of `cell` take turns.",
    ),
    key(
        STAGE,
        "reduce",
        Reduction,
        r#""conv3""#,
        r#""conv3""#,
        "Where width or size change: a masked operation before the first block, a cell of that name before it, or \"block\": the edges from the input of the first block do it.",
    ),
    key(
        STAGE,
        "cell",
        Names,
        "the cell that the stage itself describes",
        r#""diamond""#,
        "Name of the cell of its blocks, or a list of names.",
    ),
    key(
        CELL,
        "operations",
        Operations,
        "those at the top of the file",
        r#"["conv3", "identity"]"#,
        "Candidate operations of its edges. Without `nodes`, `edges` and `branches` there is one edge, from the input to the output.",
    ),
    key(
        CELL,
        "nodes",
        Plain(Whole(1..=16)),
        "1",
        "3",
        "Nodes beside the input, called 1, 2, …; each reads the input and all nodes before it.",
    ),
    key(
        CELL,
        "edges",
        Edges,
        "none",
        r#"{ "in -> a" = ["conv3", "conv5"], "a -> out" = "sep3" }"#,
        "Edges by their ends, each with its operations; `in` is the input, other names are nodes. A list of ends alone gives every edge the cell's operations.",
    ),
    key(
        CELL,
        "branches",
        Branches,
        "none",
        r#"[["conv3", "conv3"], ["conv3", ["conv3", "conv5"]]]"#,
        "Parallel branches, each a list of layers, each an operation or a list of candidates.",
    ),
    key(
        CELL,
        "entry",
        Operation,
        "none",
        r#""conv1""#,
        "A masked operation that brings the input to the width of the stage before anything reads it.",
    ),
    key(CELL, "output", Names, "`out`; with `nodes` all of them", r#"["a", "b"]"#, "Nodes that make the output."),
    key(
        CELL,
        "join",
        Plain(Word(&["sum", "concat"])),
        r#""sum""#,
        r#""concat""#,
        "How the nodes or branches that make the output are joined.",
    ),
    key(
        CELL,
        "shortcut",
        Plain(Flag),
        "true with `branches`, else false",
        "true",
        "Whether the input is added to the output; where shapes differ, through a masked 1x1 convolution.",
    ),
    key(EDGE, "operations", Operations, "those of the cell", r#"["conv3", "identity"]"#, "Candidate operations of the edge."),
    key(EDGE, "channels", Plain(Whole(1..=8192)), "those of the stage", "64", "Channels that it yields."),
    key(EDGE, "stride", Plain(Whole(1..=8)), "from the input that of the block, else 1", "2", "Its stride."),
    key(EDGE, "masked", Plain(Flag), "true", "false", "Whether each of its operations is a mask group; false: they are always there."),
    key(
        HEAD,
        "batch_norm",
        Plain(Flag),
        "true",
        "false",
        "Whether a batch norm comes first: sums of many operations reach the head at a scale of their own.",
    ),
    key(
        HEAD,
        "channels",
        Plain(Whole(1..=65_536)),
        "none: no such convolution",
        "1280",
        "Channels of a 1x1 convolution → batch norm → ReLU before the pool.",
    ),
    key(
        HEAD,
        "masked",
        Plain(Flag),
        "false",
        "true",
        "Whether the input channels of that convolution and of the classifier are mask groups.",
    ),
];

impl Part {
    /// The keys that may stand in it.
    pub fn keys(self) -> impl Iterator<Item = &'static SpaceKey> {
        SPACE_KEYS.iter().filter(move |key| key.parts.contains(&self))
    }

    /// What stands before a key of it in messages.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::File => "",
            Self::Stem => "stem.",
            Self::Stage => "stage.",
            Self::Cell => "cell.",
            Self::Edge => "edge.",
            Self::Head => "head.",
        }
    }
}

impl SpaceKey {
    /// What its value must be, to be read after "must be".
    #[must_use]
    pub fn must(&self) -> String {
        match &self.form {
            Form::Plain(kind) => kind.to_string(),
            Form::Operation => "an operation in quotes".into(),
            Form::Operations => "an operation in quotes, or a list of at least one, each once".into(),
            Form::Image => "a list of channels, rows and columns, each from 1 to 4096".into(),
            Form::Edges => "a table of edges such as \"in -> a\" with their operations, or a list of such edges".into(),
            Form::Branches => "a list of branches, each a list of layers, each an operation or a list of operations".into(),
            Form::Names => "a name in quotes, or a list of names".into(),
            Form::Reduction => "an operation, \"block\" or the name of a cell, in quotes".into(),
            Form::Table(_) => "a table of keys".into(),
            Form::Tables(_) => "tables under double brackets, one for each stage".into(),
            Form::Named(_) => "tables of keys, each by its name".into(),
        }
    }
}
