//! The command line's grammar. Documentation comments here are its help.

use super::failure::EXIT_CODES;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// A terminal workbench for posterior-guided neural architecture search.
///
/// Without a command it opens its start screen.
#[derive(Debug, Parser)]
#[command(name = "pgnas", version, after_help = EXIT_CODES, disable_help_subcommand = true, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How the screen looks.
    #[command(flatten)]
    pub screen: ScreenArguments,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Search from a preset: train the super-network, sample and rank candidates
    Search(SearchArguments),
    /// Go on with a run that was stopped or whose process died, from its last checkpoint
    Resume(ResumeArguments),
    /// Serve this machine's devices to searches on others
    Serve(ServeArguments),
    /// Show a search that is at work, to look at and to steer, or a complete run to look at
    Attach(AttachArguments),
    /// Show a search that is at work, to look at only
    Watch(AttachArguments),
    /// Play the log of a run on the screen of a search: step, skip, go back, stop at alerts
    Replay(ReplayArguments),
    /// List the runs: which are at work, and how far they are
    Ls(ListArguments),
    /// End a search that is at work; what is there is kept, and can be resumed
    Stop(StopArguments),
    /// Write a summary of a run, as Markdown or JSON
    Report(ReportArguments),
    /// Compare the candidates of the posterior with the baselines
    Compare(CompareArguments),
    /// List the presets, or show one with all its keys
    Presets(PresetsArguments),
    /// Show devices, terminal and folders
    Doctor(DoctorArguments),
    /// Write a candidate as files that run elsewhere: genotype, weights, ONNX, PyTorch, drawings
    Export(ExportArguments),
    /// Check or draw a space of your own
    Space(SpaceArguments),
    /// Show the settings of the screen and its keys
    Config(ConfigArguments),
    /// Write completions for a shell to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to standard output
    Man,
    /// Tell how well inherited weights rank networks, beside their accuracy after training or in a table
    Correlate(CorrelateArguments),
    /// Compute the accuracy of a candidate, or of an export from its files alone
    Evaluate(EvaluateArguments),
    /// Average the predictions of several candidates, and tell what it buys
    Ensemble(EnsembleArguments),
    /// Read the test split once more, for the winner, the references and an ensemble
    Final(FinalArguments),
    /// Train a candidate by itself, and compare it with what it was
    Retrain(RetrainArguments),
    /// Look at image sets, or fetch published ones
    Data(DataArguments),
}

/// How the screen looks.
#[derive(Debug, Clone, Default, Args)]
pub struct ScreenArguments {
    /// Theme of the screen, by name
    #[arg(long, value_name = "NAME", help_heading = "Screen")]
    pub theme: Option<String>,
    /// Colours of the terminal
    #[arg(long, value_name = "WHEN", help_heading = "Screen")]
    pub color: Option<ColorChoice>,
    /// Signs that the terminal's font has
    #[arg(long, value_name = "SET", help_heading = "Screen")]
    pub glyphs: Option<GlyphChoice>,
    /// Leave the mouse to the terminal
    #[arg(long, help_heading = "Screen")]
    pub no_mouse: bool,
    /// How often frames may be sent over the line to the terminal
    #[arg(long, value_name = "SPEED", help_heading = "Screen")]
    pub link: Option<LinkChoice>,
}

/// Colours of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// As the terminal says
    #[default]
    Auto,
    /// 16 million
    #[value(name = "truecolor")]
    TrueColor,
    /// 256
    #[value(name = "256")]
    Indexed,
    /// 16
    #[value(name = "16")]
    Ansi,
    /// None
    #[value(name = "never")]
    Never,
}

/// Signs that the terminal's font has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum GlyphChoice {
    /// As the locale says
    #[default]
    Auto,
    /// Bars, arrows and boxes, and curves of braille
    Braille,
    /// The same without braille: curves of half blocks
    Unicode,
    /// ASCII alone
    Ascii,
}

/// How often frames may be sent over the line to the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LinkChoice {
    /// The fewer, the longer writing one takes
    #[default]
    Auto,
    /// 4 a second
    Slow,
    /// 30 a second
    Fast,
}

/// Arguments of `pgnas search`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct SearchArguments {
    /// Name of a preset, or the path of a preset file that ends in .toml; with --space it may be left out
    #[arg(required_unless_present = "space")]
    pub preset: Option<String>,
    /// Search a space of your own, in the place of the preset's; docs/spaces.md describes its file
    #[arg(long, value_name = "FILE")]
    pub space: Option<PathBuf>,
    /// Change a key of the preset, such as train.epochs=10; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Folder or archive of the images; the same as --set data.path=PATH
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Seed of the run: the same seed gives the same run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number::<u64>)]
    pub seed: u64,
    /// Device: auto, cpu, cuda, cuda:N, wgpu or remote:ID@HOST:PORT. Several, separated by commas, share the work: those of the kind of the
    /// first that are in this machine train together, and all of them rank
    #[arg(long, value_name = "DEVICE", visible_alias = "devices", default_value = "auto")]
    pub device: String,
    /// Put the run exactly there, into a new or empty folder
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Minutes between two checkpoints, from which `pgnas resume` goes on
    #[arg(long, value_name = "MINUTES", default_value = "10", value_parser = minutes)]
    pub checkpoint_minutes: Duration,
    /// No screen: progress on standard error, a summary on standard output
    #[arg(long)]
    pub headless: bool,
    /// No screen: the events of the run as JSON lines on standard output
    #[arg(long)]
    pub json: bool,
    /// The search in the process of the screen, with which it ends
    #[arg(long, conflicts_with_all = ["headless", "json", "plain"])]
    pub in_process: bool,
    /// Be the process of the search; this is how the program starts itself
    #[arg(long, hide = true)]
    pub host: bool,
    /// No screen: every change of state as a line on standard output, for screen readers and logs
    #[arg(long, conflicts_with = "json")]
    pub plain: bool,
    /// How the screen looks.
    #[command(flatten)]
    pub screen: ScreenArguments,
}

/// Arguments of `pgnas serve`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ServeArguments {
    /// Device to serve: auto, cpu, cuda, cuda:N or wgpu; several of one kind, separated by commas, are told apart by /0, /1 … in their names
    #[arg(long, value_name = "DEVICE", visible_alias = "devices", default_value = "auto")]
    pub device: String,
    /// Address and UDP port to listen at, and nowhere else: that of this machine alone where nothing is given
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7447")]
    pub listen: std::net::SocketAddr,
}

/// Arguments of `pgnas resume`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ResumeArguments {
    /// Folder of a run, or its name below the runs folder
    pub run: PathBuf,
    /// Folder or archive of the images, where they have moved since the search
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Device, or several separated by commas, as `pgnas search` takes them; those it had where none is given
    #[arg(long, value_name = "DEVICE", visible_alias = "devices")]
    pub device: Option<String>,
    /// Minutes between two checkpoints
    #[arg(long, value_name = "MINUTES", default_value = "10", value_parser = minutes)]
    pub checkpoint_minutes: Duration,
    /// No screen: progress on standard error, a summary on standard output
    #[arg(long)]
    pub headless: bool,
    /// No screen: the events from here on as JSON lines on standard output
    #[arg(long)]
    pub json: bool,
    /// No screen: every change of state from here on as a line on standard output, for screen readers and logs
    #[arg(long, conflicts_with = "json")]
    pub plain: bool,
    /// The search in the process of the screen, with which it ends
    #[arg(long, conflicts_with_all = ["headless", "json", "plain"])]
    pub in_process: bool,
    /// Be the process of the search; this is how the program starts itself
    #[arg(long, hide = true)]
    pub host: bool,
    /// How the screen looks.
    #[command(flatten)]
    pub screen: ScreenArguments,
}

/// Arguments of `pgnas attach` and `pgnas watch`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct AttachArguments {
    /// Folder of a run, or its name below the runs folder; the only one at work where none is given
    pub run: Option<PathBuf>,
    /// No screen: every change of state from the beginning on as a line on standard output, for screen readers and logs
    #[arg(long)]
    pub plain: bool,
    /// How the screen looks.
    #[command(flatten)]
    pub screen: ScreenArguments,
}

/// Arguments of `pgnas replay`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ReplayArguments {
    /// Folder of a run, or its name below the runs folder
    pub run: PathBuf,
    /// How many times as fast as the run went; as it takes for about a minute where nothing is given
    #[arg(long, value_name = "N", value_parser = speed)]
    pub speed: Option<f64>,
    /// No screen: every change of state as a line on standard output, for screen readers and logs; at once where no speed is given
    #[arg(long)]
    pub plain: bool,
    /// How the screen looks.
    #[command(flatten)]
    pub screen: ScreenArguments,
}

/// A whole number within bounds.
fn whole<T: TryFrom<u64>>(text: &str, bounds: RangeInclusive<u64>) -> Result<T, String> {
    let (low, high) = (*bounds.start(), *bounds.end());
    let upper = if high == u64::MAX { "on".to_owned() } else { format!("to {high}") };
    let number = text.parse().ok().filter(|number| bounds.contains(number)).and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| format!("give a whole number from {low} {upper}"))
}

/// Any whole number.
fn number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    whole(text, 0..=u64::MAX)
}

/// How many of something that there is one of at least.
fn count(text: &str) -> Result<usize, String> {
    whole(text, 1..=u64::MAX)
}

/// How many architectures to correlate.
fn architectures(text: &str) -> Result<usize, String> {
    whole(text, 2..=5000)
}

/// Images of a training step.
fn batch(text: &str) -> Result<u32, String> {
    whole(text, 1..=65_536)
}

/// How many times as fast.
fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0);
    speed.ok_or_else(|| "give a number above 0, such as 1, 60 or 0.5".into())
}

/// Arguments of `pgnas ls`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ListArguments {
    /// The list as JSON; docs/cli.md documents the keys
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pgnas stop`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct StopArguments {
    /// Folder of a run, or its name below the runs folder; the only one at work where none is given
    pub run: Option<PathBuf>,
}

/// A time in minutes, which may have a fraction.
fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text.parse().map_err(|_| "this is no number".to_owned())?;
    Duration::try_from_secs_f64(60.0 * minutes).map_err(|_| "give minutes from 0 on, such as 10 or 0.5".into())
}

/// Arguments of `pgnas report`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ReportArguments {
    /// Folder of a run, or its name below the runs folder; the newest one there where none is given
    pub run: Option<PathBuf>,
    /// The numbers as JSON; docs/cli.md documents the keys
    #[arg(long)]
    pub json: bool,
    /// Write to a file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Also write pictures as SVG and PNG, into this folder or into pictures/ of the run's
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "absent, given without a folder, given with one")]
    pub pictures: Option<Option<PathBuf>>,
}

/// Arguments of `pgnas compare`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct CompareArguments {
    /// Folder of a run, or its name below the runs folder; the newest one there where none is given
    pub run: Option<PathBuf>,
    /// The numbers as JSON; docs/cli.md documents the keys
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pgnas presets`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct PresetsArguments {
    /// Show this one alone, with all its keys and where each value comes from
    pub name: Option<String>,
    /// Change a key of the preset, to see what comes of it; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "name")]
    pub set: Vec<String>,
    /// The numbers as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pgnas doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct DoctorArguments {
    /// Check a device: operations and training steps beside the CPU, repetition, memory, images a second
    #[arg(long)]
    pub full: bool,
    /// The device to check, as a search takes it
    #[arg(long, value_name = "DEVICE", default_value = "auto", requires = "full")]
    pub device: String,
    /// Time this preset however long it takes, and train its narrow network alone; may be given again
    #[arg(long = "preset", value_name = "PRESET", requires = "full")]
    pub presets: Vec<String>,
    /// Only these checks; may be given again
    #[arg(long, value_name = "CHECK", value_delimiter = ',', requires = "full")]
    pub only: Vec<CheckName>,
    /// The facts as JSON
    #[arg(long)]
    pub json: bool,
}

/// A kind of check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckName {
    /// Every operation and its gradients, beside the CPU
    Operations,
    /// A step of training of narrow networks, beside the CPU
    Steps,
    /// The same steps twice
    Repeat,
    /// Memory over 500 steps
    Memory,
    /// Images a second of presets
    Speed,
}

/// Arguments of `pgnas export`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ExportArguments {
    /// Folder of a run, or its name below the runs folder
    pub run: PathBuf,
    /// Number of a candidate (437 of `Candidate 437`; its rank is another number), or `winner`
    #[arg(default_value = "winner")]
    pub candidate: String,
    /// Write to this folder instead of exports/<candidate> in the run's folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Only these: genotype, safetensors, onnx, pytorch, drawing; may be given again
    #[arg(long, value_name = "FORMAT", value_delimiter = ',')]
    pub format: Vec<String>,
    /// The best K posterior candidates, each into a folder of its own
    #[arg(long, value_name = "K", conflicts_with = "candidate", value_parser = number::<usize>)]
    pub top: Option<usize>,
    /// One ONNX file that averages the best posterior candidates, 5 where --top does not say how many
    #[arg(long, conflicts_with_all = ["candidate", "format"])]
    pub ensemble: bool,
    /// The candidate as it was last retrained
    #[arg(long, conflicts_with_all = ["top", "ensemble"])]
    pub retrained: bool,
    /// Folder or archive of the images, where they have moved since the search
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Tell candidate, folder, files and the accuracy that was read back as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pgnas space`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct SpaceArguments {
    /// What to do with the space.
    #[command(subcommand)]
    pub command: SpaceCommand,
}

/// What to do with a space of one's own.
#[derive(Debug, Subcommand)]
pub enum SpaceCommand {
    /// Show shapes, groups, parameters, multiply-accumulates and memory, or the line at fault
    Check {
        /// The file and what it is taken for.
        #[command(flatten)]
        file: SpaceFile,
        /// Images of a training step, for the estimate of memory
        #[arg(long, value_name = "N", default_value_t = 64, value_parser = batch)]
        batch: u32,
        /// The numbers as JSON; docs/cli.md documents the keys
        #[arg(long)]
        json: bool,
    },
    /// Draw the space: text on standard output, SVG and DOT as files
    Draw {
        /// The file and what it is taken for.
        #[command(flatten)]
        file: SpaceFile,
        /// Write the files into this folder instead of the current one
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
}

/// A space file and the images that it is taken for.
#[derive(Debug, Clone, Args)]
pub struct SpaceFile {
    /// The TOML file of the space; docs/spaces.md describes it
    pub file: PathBuf,
    /// Take it for the images of this preset instead of those that the file names
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
}

/// Arguments of `pgnas ensemble`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct EnsembleArguments {
    /// Folder of a run, or its name below the runs folder
    pub run: PathBuf,
    /// How many networks to average: 1,2,5,10 … as far as there are, where nothing is given
    #[arg(long, value_name = "K", value_delimiter = ',', value_parser = number::<usize>)]
    pub k: Vec<usize>,
    /// Folder or archive of the images, where they have moved since the search
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// The figures as JSON; docs/cli.md documents the keys
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pgnas final`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct FinalArguments {
    /// Folder of a run, or its name below the runs folder
    pub run: PathBuf,
    /// How many of the best posterior candidates the ensemble averages, 5 where nothing is given
    #[arg(long, value_name = "K", value_parser = number::<usize>)]
    pub k: Option<usize>,
    /// Folder or archive of the images, where they have moved since the search
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// The figures as JSON; docs/cli.md documents the keys
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pgnas retrain`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct RetrainArguments {
    /// Folder of a run, or its name below the runs folder
    pub run: PathBuf,
    /// Number of a candidate (437 of `Candidate 437`; its rank is another number), or `winner`
    #[arg(default_value = "winner")]
    pub candidate: String,
    /// What to begin with
    #[arg(long, value_name = "WEIGHTS", default_value = "scratch")]
    pub from: StartChoice,
    /// Change a key of the recipe, such as learning_rate=0.01 or data.cutout=4; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    pub recipe: Vec<String>,
    /// Epochs to train; those of the search where nothing is given
    #[arg(long, value_name = "N", value_parser = count)]
    pub epochs: Option<usize>,
    /// Seed of its weights and of the order of images; that of the run where nothing is given
    #[arg(long, value_name = "N", value_parser = number::<u64>)]
    pub seed: Option<u64>,
    /// Device, as `pgnas search` takes it; one
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Folder or archive of the images, where they have moved since the search
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// The figures as JSON; docs/cli.md documents the keys
    #[arg(long)]
    pub json: bool,
}

/// What a training begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StartChoice {
    /// The weights that the candidate inherited, at a tenth of the learning rate
    Inherited,
    /// Weights drawn anew
    Scratch,
}

impl From<StartChoice> for crate::run::Start {
    fn from(choice: StartChoice) -> Self {
        match choice {
            StartChoice::Inherited => Self::Inherited,
            StartChoice::Scratch => Self::Scratch,
        }
    }
}

/// Arguments of `pgnas evaluate`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct EvaluateArguments {
    /// A run, by its folder or its name; or the genotype.json of an export, or its folder, as `pgnas export` printed it
    #[arg(value_name = "RUN|EXPORT")]
    pub file: PathBuf,
    /// Of a run: number of a candidate (437 of `Candidate 437`; its rank is another number), or `winner`
    pub candidate: Option<String>,
    /// Folder or archive of the images, where they have moved since the search
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// The figures as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pgnas correlate`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct CorrelateArguments {
    /// Folder of a run, or its name below the runs folder
    pub run: PathBuf,
    /// True accuracies of the cells of NAS-Bench-201: a CSV file, plain or as .xz, with a genotype and per cents a line. Without it,
    /// candidates of the run are trained from scratch
    #[arg(long, value_name = "FILE", conflicts_with_all = ["recipe", "epochs", "seed"])]
    pub table: Option<PathBuf>,
    /// Which column of the table is the truth; the first after the genotype where it is not given
    #[arg(long, value_name = "NAME", requires = "table")]
    pub column: Option<String>,
    /// Where the images lie now, where that is not what the run says
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// How many architectures to correlate: 100 cells of a table, or 30 candidates, where nothing is given
    #[arg(long, value_name = "N", value_parser = architectures)]
    pub n: Option<usize>,
    /// Change a key of the recipe that candidates are trained by, such as learning_rate=0.01; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    pub recipe: Vec<String>,
    /// Epochs to train each candidate; a quarter of the search's where nothing is given
    #[arg(long, value_name = "N", value_parser = count)]
    pub epochs: Option<usize>,
    /// Seed of their weights and of the order of images; that of the run where nothing is given
    #[arg(long, value_name = "N", value_parser = number::<u64>)]
    pub seed: Option<u64>,
    /// Device to train on, or several separated by commas, as `pgnas search` takes them: each trains the next candidate when it is free
    #[arg(long, value_name = "DEVICE", visible_alias = "devices", default_value = "auto")]
    pub device: String,
    /// The k of precision and top; a tenth of the architectures where it is not given
    #[arg(long, value_name = "K", value_parser = count)]
    pub top: Option<usize>,
    /// The numbers as JSON; docs/cli.md documents the keys
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pgnas config`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ConfigArguments {
    /// What to do with the settings.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do with the settings.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Show the settings in force, as a file of the same effect
    Show {
        /// Tell where each value comes from
        #[arg(long)]
        origin: bool,
        /// The settings as JSON, with their origins
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `pgnas data`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct DataArguments {
    /// What to do with image sets.
    #[command(subcommand)]
    pub command: DataCommand,
}

/// What to do with image sets.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Say what lies in a folder or an archive: which set, classes, sizes, channels, unreadable files
    Check(CheckArguments),
    /// Download a published set, verify it and put it where searches look for it
    Fetch(FetchArguments),
}

/// Arguments of `pgnas data check`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct CheckArguments {
    /// Folder or archive
    pub path: PathBuf,
    /// What was found as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pgnas data fetch`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct FetchArguments {
    /// Name of the set: cifar10, cifar100, mnist or fashion-mnist
    pub set: String,
    /// Address of the folder that holds the published files, instead of the publishers'
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Put the set there instead of into the program's data folder
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }
}
