//! The one table of everything a person can ask for. Help, footer, palette and key configuration are made from it.

use super::panes::PaneId;

/// Where a command works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Everywhere,
    In(&'static [PaneId]),
}

impl Place {
    pub fn holds(self, pane: PaneId) -> bool {
        match self {
            Place::Everywhere => true,
            Place::In(panes) => panes.contains(&pane),
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub command: Command,
    /// Its name in the palette and in the keys of the config file.
    pub id: &'static str,
    /// Keys as the config file spells them, the main one first.
    pub keys: &'static [&'static str],
    pub place: Place,
    /// One or two words for the footer.
    pub short: &'static str,
    /// A sentence for the help.
    pub says: &'static str,
}

/// What commands are for, in the order of the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Shows another pane.
    Pane,
    /// Does what the pane in front is for.
    Task,
    /// The program as a whole: search, theme, models, help.
    Program,
    /// Moves about; the arrows do it sooner.
    Movement,
}

impl Entry {
    pub fn use_for(&self) -> Use {
        use Command::*;
        match self.command {
            Up | Down | Left | Right | PageUp | PageDown | Top | Bottom | Enter | Back
            | Forward | Cancel | NextFocus | PrevFocus | PanLeft | PanRight | PanUp | PanDown => {
                Use::Movement
            }
            command if command.pane().is_some() => Use::Pane,
            _ => match self.place {
                Place::In(_) => Use::Task,
                Everywhere => Use::Program,
            },
        }
    }
}

macro_rules! commands {
    ($($(#[$only:meta])? $variant:ident $id:literal [$($key:literal),*] $place:expr, $short:literal, $says:literal;)*) => {
        /// Everything that can happen to the state.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Command { $($(#[$only])? #[doc = $says] $variant,)* }

        /// The table, in the order of the help.
        pub const TABLE: &[Entry] = &[$($(#[$only])? Entry {
            command: Command::$variant, id: $id, keys: &[$($key),*], place: $place, short: $short, says: $says,
        },)*];
    };
}

use PaneId::{Compare, Convert, Graph, Overview, Run, Source, Tensors, Tree, Variables};
use Place::{Everywhere, In};

commands! {
    Up "up" ["Up", "k"] Everywhere, "up", "One row up";
    Down "down" ["Down", "j"] Everywhere, "down", "One row down";
    Left "left" ["Left", "h"] Everywhere, "left", "Left: close, or the previous choice";
    Right "right" ["Right", "l"] Everywhere, "right", "Right: open, or the next choice";
    PageUp "page-up" ["PageUp", "Ctrl-u"] Everywhere, "page up", "A page up";
    PageDown "page-down" ["PageDown", "Ctrl-d"] Everywhere, "page down", "A page down";
    Top "top" ["Home", "g"] Everywhere, "top", "The first row";
    Bottom "bottom" ["End", "G"] Everywhere, "bottom", "The last row";
    Enter "enter" ["Enter"] Everywhere, "open", "Go into the chosen row";
    Back "back" ["Backspace", "Alt-Left"] Everywhere, "back", "Back to where you were";
    Forward "forward" ["Alt-Right"] Everywhere, "forward", "Forward again";
    Cancel "cancel" ["Esc"] Everywhere, "stop", "Close what is open, or stop the running work";
    NextFocus "next-focus" ["Tab"] Everywhere, "other side", "Move the focus inside the pane";
    PrevFocus "prev-focus" ["BackTab"] Everywhere, "other side", "Move the focus back";

    RunOnce "run-once" ["Enter"] In(&[Run]), "run", "Run the signature on these inputs";
    Bench "bench" ["b"] In(&[Run]), "bench", "Run many times and show how long it takes";
    NextInput "next-input" ["i"] In(&[Run, Compare, Tensors]), "next", "Take the next sample, seed or slice";
    PrevInput "prev-input" ["I"] In(&[Run, Compare, Tensors]), "previous input", "Take the previous sample, seed or slice";
    NextItem "next-item" ["]"] In(&[Run]), "next item", "Show what the next item of a batch gave";
    PrevItem "previous-item" ["["] In(&[Run]), "previous item", "Show what the previous item of a batch gave";
    EditInput "edit-input" ["t"] In(&[Run]), "type", "Type a value or a file for the chosen input";
    NextSignature "next-signature" ["S"] In(&[Run, Compare]), "signature", "Choose another signature or function";
    Profile "profile" ["p"] In(&[Run]), "times", "Show the time of every operator";
    Layer "layer" ["x"] In(&[Run]), "inspect", "Inspect a value inside the model, or let go of it";
    Origin "origin" ["o"] In(&[Run]), "origin", "To the operator in the graph that made the inspected value, or the first NaN";
    Arena "arena" ["a"] In(&[Run]), "memory", "Show which values lie in memory when, and what makes the peak";
    Seed "seed" ["#"] In(&[Run]), "seed", "Type the seed of random numbers that the graph has none for";
    ResetState "reset-state" ["u"] In(&[Run]), "reset state", "Make variables and tables as stored again, after runs that changed them";
    SaveOutputs "save-outputs" ["w"] In(&[Run]), "save", "Write the outputs to an .npz file";

    StartConvert "start-convert" ["Enter"] In(&[Convert]), "convert", "Convert with these settings, or change the chosen one";
    CheckConvert "check-convert" ["p"] In(&[Convert]), "check first", "List what stands in the way, without converting";
    StartCompare "start-compare" ["Enter"] In(&[Compare]), "compare", "Compare the two models, or show the chosen row";
    ChooseOther "choose-other" ["b"] In(&[Compare]), "other model", "Choose the model on the right";
    SwapSides "swap-sides" ["x"] In(&[Compare]), "swap", "Exchange left and right";
    FirstParting "first-parting" ["w"] In(&[Compare]), "where it parts", "To the first layer whose values part";
    Requantize "requantize" ["R"] In(&[Compare]), "requantize", "Quantize again with the marked layers in float";

    Verify "verify" ["v"] In(&[Variables]), "verify", "Check the checksum of every entry";
    CycleText "cycle-text" ["t"] In(&[Source]), "what", "Show another text: signature, node, graph, metadata";
    ViewMode "view-mode" ["v"] In(&[Graph, Tensors, Source, Run]), "view", "Another view of the same thing";
    Axes "axes" ["x"] In(&[Tensors]), "axes", "Choose the two axes of the grid";
    Overlay "overlay" ["o"] In(&[Graph]), "colour by", "Choose what the colours mean";
    ZoomIn "zoom-in" ["+", "="] In(&[Graph]), "closer", "Closer";
    ZoomOut "zoom-out" ["z", "-"] In(&[Graph]), "farther", "Farther";
    Waits "waits" ["w"] In(&[Graph]), "order", "Show or hide the dashed edges, which only say what waits for what";
    Trace "trace" ["t"] In(&[Graph]), "trace", "Light up everything before and after the chosen operator";
    PathTo "path-to" ["p"] In(&[Graph]), "path to", "Show a path from the marked operator to the chosen one";
    PanLeft "pan-left" ["H", "Shift-Left"] In(&[Graph]), "pan", "Move the view left";
    PanRight "pan-right" ["L", "Shift-Right"] In(&[Graph]), "pan", "Move the view right";
    PanUp "pan-up" ["K", "Shift-Up"] In(&[Graph]), "pan", "Move the view up";
    PanDown "pan-down" ["J", "Shift-Down"] In(&[Graph]), "pan", "Move the view down";
    Producer "producer" ["<", ","] In(&[Graph]), "before", "To the operator that feeds the chosen one";
    Consumer "consumer" [">", "."] In(&[Graph]), "after", "To the operator that takes its result";
    NextGraph "next-graph" ["]"] In(&[Graph]), "next graph", "The next function or subgraph";
    PrevGraph "prev-graph" ["["] In(&[Graph]), "previous graph", "The previous function or subgraph";

    Sort "sort" ["s"] In(&[Tensors, Variables, Compare]), "sort", "Sort by the next column";
    Filter "filter" ["f"] In(&[Tensors, Variables]), "filter", "Keep only rows with these words";
    Mark "mark" ["Space"] In(&[Tree, Graph]), "open, close", "Open and close the row; in the graph: mark the operator";
    KeepFloat "keep-float" ["Space"] In(&[Compare]), "keep in float", "Mark the layer to stay in float when requantizing";
    Export "export" ["e"] In(&[Graph, Tensors, Compare]), "export", "Write what is shown to a file";
    Copy "copy" ["y"] Everywhere, "copy", "Copy the chosen thing to the clipboard";

    ShowOverview "overview" ["1"] Everywhere, "overview", "What the model is";
    ShowTree "tree" ["2"] Everywhere, "tree", "Everything in the model, by level";
    ShowGraph "graph" ["3"] Everywhere, "graph", "Operators and what flows between them";
    ShowTensors "tensors" ["4"] Everywhere, "tensors", "Weights: sizes and values";
    ShowVariables "variables" ["5"] Everywhere, "variables", "Variables and the files that hold them";
    ShowSource "source" ["6"] Everywhere, "source", "The chosen thing as text";
    ShowRun "run" ["r", "7"] Everywhere, "run", "Run the model";
    ShowConvert "convert" ["c", "8"] Everywhere, "convert", "Convert to .tflite, quantize";
    ShowCompare "compare" ["d", "9"] Everywhere, "compare", "Put beside another model";

    Search "search" ["/"] Everywhere, "search", "Search names, operators, types and shapes";
    NextHit "next-hit" ["n"] Everywhere, "next", "The next hit of the search";
    PrevHit "previous-hit" ["N"] Everywhere, "previous", "The previous hit of the search";
    Palette "palette" [":"] Everywhere, "commands", "Every command by name";
    Models "models" ["m"] Everywhere, "models", "Switch between open models, or open another";
    CycleTheme "theme" ["F2"] Everywhere, "theme", "The next colour theme";
    Help "help" ["?", "F1"] Everywhere, "help", "What works here";
    Reload "reload" ["F5", "Ctrl-r"] Everywhere, "reload", "Read the model from its files again";
    Redraw "redraw" ["Ctrl-l"] Everywhere, "redraw", "Draw the whole screen again";
    #[cfg(unix)] Suspend "suspend" ["Ctrl-z"] Everywhere, "suspend", "Back to the shell; `fg` returns here";
    Quit "quit" ["q", "Ctrl-c"] Everywhere, "quit", "Leave mexplore";
    #[cfg(debug_assertions)] Fault "fault" [] Everywhere, "fault", "Panic on purpose, to see that the terminal comes back";
}

impl Command {
    pub fn entry(self) -> &'static Entry {
        // The macro writes enum and table in the same order.
        &TABLE[self as usize]
    }

    pub fn from_id(id: &str) -> Option<Command> {
        TABLE.iter().find(|e| e.id == id).map(|e| e.command)
    }

    /// The pane that a command shows, if that is what it does.
    pub fn pane(self) -> Option<PaneId> {
        Some(match self {
            Command::ShowOverview => Overview,
            Command::ShowTree => Tree,
            Command::ShowGraph => Graph,
            Command::ShowTensors => Tensors,
            Command::ShowVariables => Variables,
            Command::ShowSource => Source,
            Command::ShowRun => Run,
            Command::ShowConvert => Convert,
            Command::ShowCompare => Compare,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sort;
    use std::collections::HashSet;

    #[test]
    fn the_palette_begins_with_panes_and_ends_with_movement() {
        let mut entries: Vec<&Entry> = TABLE.iter().filter(|e| e.place.holds(Compare)).collect();
        sort::by_key(&mut entries, |e| e.use_for());
        let ids: Vec<&str> = entries.iter().map(|e| e.id).collect();
        assert_eq!(ids[..3], ["overview", "tree", "graph"]);
        assert_eq!(ids[9], "next-input");
        let of = |id: &str| ids.iter().position(|i| *i == id).unwrap();
        assert!(of("export") < of("theme") && of("theme") < of("up"));
        assert_eq!(ids.last(), Some(&"prev-focus"));
    }

    #[test]
    fn ids_are_unique_and_every_sentence_is_one() {
        let ids: HashSet<_> = TABLE.iter().map(|e| e.id).collect();
        assert_eq!(ids.len(), TABLE.len());
        for entry in TABLE {
            assert_eq!(entry.command.entry().id, entry.id);
            assert!(
                !entry.says.is_empty() && !entry.says.ends_with('.'),
                "{}",
                entry.id
            );
        }
    }
}
