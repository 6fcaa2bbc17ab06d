//! Names and flags of every command, as clap needs them.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::Result;
use crate::format::{self, OpenOptions};
use crate::model::Model;
use crate::prune::Pattern;
use crate::quantize::{Io, Mode};
use crate::runtime::{KernelChoice, RunOptions};

/// Look at, run, convert and compare TensorFlow SavedModels and .tflite files.
///
/// Without a command: the terminal UI on PATH; where stdout is no terminal, the same as `show`.
#[derive(Debug, Parser)]
#[command(
    name = "mexplore",
    disable_version_flag = true,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 fine; 1 the answer is no; 2 wrong usage; 3 the model can't be read; \
                  4 the model can't be run or converted as asked."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// SavedModel folder, folder of numbered versions, saved_model.pb[txt], or .tflite; several to go through them
    paths: Vec<PathBuf>,
    /// Alone: print the program's version. With a number: which version of a folder of numbered versions to open
    #[arg(short = 'V', long, value_name = "N")]
    version: Option<Option<u64>>,
    /// Colours of the terminal UI: a name that `mexplore themes` lists, or a .toml file
    #[arg(long, value_name = "NAME")]
    theme: Option<String>,
}

/// What the arguments ask for.
#[derive(Debug)]
pub enum Action {
    Command(Command),
    Ui(Start),
    /// List what the terminal UI has; the command line does not know it.
    Themes(Option<String>),
    Keys,
}

/// How to start the terminal UI.
#[derive(Debug, Clone)]
pub struct Start {
    pub paths: Vec<PathBuf>,
    pub version: Option<u64>,
    pub theme: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything at a glance: signatures, graphs, weights, files
    Show(ShowArgs),
    /// Signatures with names, types and shapes of their inputs and outputs
    Signatures(ReportArgs),
    /// Operators and how often each is used
    Ops(ReportArgs),
    /// Weights and constants by size
    Tensors(ReportArgs),
    /// Variables with their shards, offsets and owners
    Variables(ReportArgs),
    /// Files that travel with the model
    Assets(ReportArgs),
    /// Look for what is wrong: bad values, dead channels, duplicates, operators that reach out of the graph
    Scan(ReportArgs),
    /// Check the files against their checksums
    Verify(ReportArgs),
    /// The graph as text, Graphviz, SVG or JSON
    Graph(GraphArgs),
    /// Run a signature once; a NaN or an infinity that comes out is traced to what made the first
    Run(RunArgs),
    /// Time repeated runs
    Bench(BenchArgs),
    /// Make a .tflite, quantized if asked
    Convert(ConvertArgs),
    /// Make a .tflite with fewer weights: small ones zero, or whole channels cut out
    Prune(PruneArgs),
    /// Two models side by side: sizes, operators, outputs, latency
    Compare(CompareArgs),
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
    /// Print the manual page (roff)
    Man,
    /// List the themes of the terminal UI, or print one to begin one of your own with
    Themes {
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// List every key of the terminal UI
    Keys,
    #[command(skip)]
    Version,
}

#[derive(Debug, Args)]
pub struct ModelArgs {
    /// SavedModel folder, folder of numbered versions, saved_model.pb[txt], or .tflite
    #[arg(value_name = "MODEL")]
    pub path: PathBuf,
    /// Which of the numbered versions to open; the newest without it
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Models to show, one after the other
    #[arg(value_name = "MODEL", required = true)]
    pub paths: Vec<PathBuf>,
    /// Which of the numbered versions to open; the newest without it
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
    /// Print one JSON object per model
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    Dot,
    Svg,
    Json,
    Text,
    /// The message of a SavedModel as protobuf prints it: GraphDef, FunctionDef or SignatureDef
    Pbtxt,
}

#[derive(Debug, Args)]
pub struct GraphArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// What to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: GraphFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// A function or subgraph by name; the default signature, its calls opened, without it
    #[arg(long, value_name = "NAME")]
    pub graph: Option<String>,
    /// The signature to draw
    #[arg(long, value_name = "KEY", conflicts_with = "graph")]
    pub signature: Option<String>,
    /// Draw constants and variables too
    #[arg(long)]
    pub weights: bool,
    /// Draw every operator: scopes that make a large drawing are closed without it
    #[arg(long)]
    pub all: bool,
}

/// Which way into the model, and how to run it.
#[derive(Debug, Args)]
pub struct SessionArgs {
    /// Key of the signature; serving_default or the first without it. Or a function of the object graph, as `signatures`
    /// lists them: call, encoder.score, call#2 for its second trace
    #[arg(long, value_name = "KEY")]
    pub signature: Option<String>,
    /// Tags of the MetaGraph, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub tag_set: Option<Vec<String>>,
    /// Threads to use; 0 is one per core
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Fast kernels, or the plain ones that repeat TensorFlow Lite's reference bit for bit
    #[arg(long, value_name = "KIND", default_value = "auto",
          value_parser = PossibleValuesParser::new(["auto", "reference"]).map(|s| kernels(&s)))]
    pub kernels: KernelChoice,
    /// Stop with an error when a loop of the model takes more iterations; 0 is any number
    #[arg(long, value_name = "N", default_value_t = RunOptions::MAX_ITERATIONS)]
    pub max_iterations: u64,
    /// Run every operator by itself: no batch normalization, bias or activation as part of the product before it
    #[arg(long)]
    pub no_fusion: bool,
    /// Seed of random numbers that the graph has none for; any, and shown, without it
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// An input: NAME or #0, and zeros, ones, random[:SEED], range (of the input's sizes, or as ones(4,3)), a literal
    /// ([[1, 2]], 0.5, "text"), FILE.npy, FILE.npz:KEY[:INDEX]; an image (FILE.jpg, .png, .bmp, .gif, .webp), resized
    /// to fit, with what follows a colon: LOW..HIGH (what pixels 0 and 255 become), mean=M, std=S, crop, pad, bgr;
    /// FILE.wav[:rate=HZ,from=SECONDS]; numbers in FILE.txt or .csv; for texts FILE.txt[:lines], the bytes of an image
    /// or sound, and records of tf.Example as JSON ([{"age": [22], "name": ["a"]}]) or FILE.json
    #[arg(long = "input", value_name = "NAME=SPEC", value_parser = named_spec)]
    pub input: Vec<(String, String)>,
    /// Inputs by name (or #0, #1, …) from a NumPy archive
    #[arg(long, value_name = "FILE.npz")]
    pub inputs: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub session: SessionArgs,
    /// Write the outputs by name to a NumPy archive
    #[arg(long, value_name = "FILE.npz")]
    pub outputs: Option<PathBuf>,
    /// Labels for the last axis of the outputs, one a line; a model's own are found
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// How many of the largest values to name
    #[arg(long, value_name = "K")]
    pub top: Option<usize>,
    /// Print JSON: `outputs` by name and, where the run changed variables or tables, `state` with `before` and `after`
    /// (entries of a table, values of a variable of at most 16, otherwise `mean` and `largest_change`)
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub session: SessionArgs,
    /// How many runs to time after the first
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub runs: usize,
    /// Time every operator too
    #[arg(long)]
    pub per_op: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ConvertArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// The file to write
    #[arg(
        short,
        long,
        value_name = "OUT.tflite",
        required_unless_present = "preflight"
    )]
    pub output: Option<PathBuf>,
    /// Signatures to keep; the default one without it
    #[arg(long = "signature", value_name = "KEY")]
    pub signatures: Vec<String>,
    /// Tags of the MetaGraph, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub tag_set: Option<Vec<String>>,
    /// How to make it smaller. Weights only: float16 and weights-int8 compute in float, dynamic (int8) and weights-int4
    /// in integers as they run. Weights and data, with --calibration: int8, int16x8
    #[arg(long, value_name = "MODE",
          value_parser = PossibleValuesParser::new(MODES.iter().map(|(name, _)| *name)).try_map(|s| mode(&s)))]
    pub quantize: Option<Mode>,
    /// How to quantize operator by operator: an AI Edge Quantizer recipe (JSON), of which the last entry that matches
    /// an operator decides. What no entry matches follows --quantize, or stays float without it
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Sample inputs: an .npz keyed like the inputs, or a folder of such files
    #[arg(long, value_name = "DATA")]
    pub calibration: Option<PathBuf>,
    /// Calibrate with the first so many samples only
    #[arg(long, value_name = "N", requires = "calibration")]
    pub samples: Option<usize>,
    /// Type of inputs and outputs of an integer model
    #[arg(long, value_name = "TYPE", default_value = "float",
          value_parser = PossibleValuesParser::new(["float", "int"]).map(|s| if s == "int" { Io::Int } else { Io::Float }))]
    pub io: Io,
    /// Carry operators that TFLite lacks over as TensorFlow's own; the runtime then needs the Flex delegate
    #[arg(long)]
    pub allow_flex: bool,
    /// Write what is neither builtin nor Flex as custom operators; the runtime then needs kernels for them
    #[arg(long)]
    pub allow_custom: bool,
    /// Only say what becomes of each operator, and what stands in the way
    #[arg(long)]
    pub preflight: bool,
    /// Overwrite an existing file
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct PruneArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// The file to write. SavedModels are not written: one that is read is converted to a float32 .tflite first
    #[arg(short, long, value_name = "OUT.tflite")]
    pub output: PathBuf,
    /// The share of each layer's weights that becomes zero, or of its output channels that goes; every layer by itself,
    /// as tfmot does it. 0.5 without it; N:M has its own
    #[arg(long, value_name = "F")]
    pub sparsity: Option<f64>,
    /// Which weights go. unstructured: the smallest of each layer become zero. N:M, as in 2:4: of each M along the
    /// input channels all but the N largest become zero. channel: output channels with the smallest L1 norm are cut out,
    /// with what takes them; the only pattern that makes a model smaller and faster by itself
    #[arg(long, value_name = "PATTERN", default_value = "unstructured")]
    pub pattern: Pattern,
    /// Store constants with many zeros without them, where the file becomes smaller by it (at load they are laid out
    /// again: size is gained, not speed)
    #[arg(long)]
    pub encode: bool,
    /// Signatures of a SavedModel to keep; the default one without it
    #[arg(long = "signature", value_name = "KEY")]
    pub signatures: Vec<String>,
    /// Tags of the MetaGraph, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub tag_set: Option<Vec<String>>,
    /// Overwrite an existing file
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The model before
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// The model after
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// Inputs by name from an .npz, one sample or samples stacked along a first axis of their own; or a folder of such files
    #[arg(long, value_name = "DATA")]
    pub inputs: Option<PathBuf>,
    /// Compare inner values too
    #[arg(long)]
    pub per_layer: bool,
    /// Exit with 1 if an output differs by more than this, absolutely
    #[arg(long, value_name = "F")]
    pub tolerance: Option<f64>,
    /// Runs of each side for the latency, taken in turn; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub runs: usize,
    /// Threads to use; 0 is one per core
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Print a page of Markdown
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Names of the quantization modes on the command line.
const MODES: [(&str, Mode); 6] = [
    ("dynamic", Mode::Dynamic),
    ("float16", Mode::Float16),
    ("int8", Mode::Int8),
    ("int16x8", Mode::Int16x8),
    ("weights-int8", Mode::WeightsInt8),
    ("weights-int4", Mode::WeightsInt4),
];

fn mode(text: &str) -> std::result::Result<Mode, String> {
    MODES
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, mode)| *mode)
        .ok_or_else(|| format!("no mode {text:?}"))
}

fn kernels(text: &str) -> KernelChoice {
    match text {
        "reference" => KernelChoice::Reference,
        _ => KernelChoice::Auto,
    }
}

fn named_spec(text: &str) -> std::result::Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, spec)| (name.to_owned(), spec.to_owned()))
        .ok_or_else(|| "expected NAME=SPEC, as in x=random or x=[[1, 2]]".to_owned())
}

impl Cli {
    /// The command, or the terminal UI if there is a terminal for it.
    pub fn action(self) -> Action {
        match self.command {
            Some(Command::Themes { name }) => return Action::Themes(name),
            Some(Command::Keys) => return Action::Keys,
            Some(command) => return Action::Command(command),
            None => {}
        }
        if self.version == Some(None) {
            return Action::Command(Command::Version);
        }
        let start = Start {
            paths: self.paths,
            version: self.version.flatten(),
            theme: self.theme,
        };
        if std::io::stdout().is_terminal() {
            Action::Ui(start)
        } else {
            Action::Command(Command::show(start))
        }
    }
}

impl Command {
    /// What there is for a request of the terminal UI where no terminal is.
    pub fn show(start: Start) -> Self {
        Command::Show(ShowArgs {
            paths: start.paths,
            version: start.version,
            json: false,
        })
    }
}

impl ModelArgs {
    pub fn open(&self) -> Result<Model> {
        open(&self.path, self.version)
    }
}

pub fn open(path: &Path, version: Option<u64>) -> Result<Model> {
    format::open(path, &OpenOptions { version })
}

/// Tags as the model lists them: `--tag-set ""` asks for a MetaGraph without tags.
pub fn tags(given: Option<&Vec<String>>) -> Option<Vec<String>> {
    given.map(|tags| tags.iter().filter(|t| !t.is_empty()).cloned().collect())
}

impl SessionArgs {
    /// How many threads `--threads` comes to on this machine.
    pub fn threads_used(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }

    pub fn options(&self) -> RunOptions {
        RunOptions {
            signature: self.signature.clone(),
            tags: tags(self.tag_set.as_ref()),
            threads: self.threads,
            kernels: self.kernels,
            max_iterations: self.max_iterations,
            seed: self.seed,
            fusion: !self.no_fusion,
            once: false,
        }
    }
}
