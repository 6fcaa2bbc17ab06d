//! The form: a row for each input of the signature, and what the chosen one is given.

use std::sync::Arc;

use super::inputs::{Input, Source};
use super::{Preview, Values};
use crate::error::Result;
use crate::feed::{self, SampleSet};
use crate::model::Port;
use crate::runtime::Session;
use crate::tui::command::Command;
use crate::tui::jobs::{Output, discard};
use crate::tui::panes::{Context, Handled};
use crate::tui::place::Inputs;
use crate::tui::term::{Buffer, Line, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{self, Rows, put};

#[derive(Default)]
pub struct Form {
    /// The signature's.
    key: String,
    inputs: Vec<Input>,
    rows: Rows,
    preview: Option<Result<Preview>>,
    /// What the person chose for the signatures, this one when it was left.
    recalled: Inputs,
    /// The value of the chosen input is still to be made, by a job.
    unseen: bool,
    /// Which item of a batch is shown.
    item: usize,
}

impl Form {
    /// Of another signature.
    pub fn take(&mut self, key: String, ports: &[Port]) {
        self.recalled = self.choices();
        self.inputs = ports.iter().cloned().map(Input::new).collect();
        self.key = key;
        self.recall();
        self.rows = Rows::default();
        self.preview();
    }

    /// Gives the inputs what the person chose for this signature before.
    fn recall(&mut self) {
        let Some(specs) = self.recalled.get(&self.key) else {
            return;
        };
        for input in &mut self.inputs {
            if let Some(spec) = specs.get(&*input.port.name) {
                input.recall(spec);
            }
        }
    }

    fn preview(&mut self) {
        let input = self.inputs.get(self.rows.at);
        self.unseen = input.is_some_and(Input::is_large);
        let small = input.filter(|_| !self.unseen).map(Input::told);
        let small = small.map(|told| told.map(|told| Preview::of(told, self.item)));
        discard(std::mem::replace(&mut self.preview, small));
    }

    /// Makes the value of a large input.
    pub fn preview_large(&mut self, cx: &mut Context) {
        if !std::mem::take(&mut self.unseen) {
            return;
        }
        let item = self.item;
        if let Some(input) = self.inputs.get(self.rows.at).cloned() {
            cx.job("preview", "making a value", move |_| {
                let preview = input.told().map(|told| Preview::of(told, item));
                Ok(Output::Preview(Box::new(preview)))
            });
        }
    }

    pub fn item(&self) -> usize {
        self.item
    }

    /// Shows another item of a batch.
    pub fn see(&mut self, item: usize) {
        if std::mem::replace(&mut self.item, item) != item {
            self.preview();
        }
    }

    pub fn previewed(&mut self, value: Result<Preview>) {
        self.preview = Some(value);
    }

    pub fn ports(&self) -> Vec<Port> {
        self.inputs.iter().map(|i| i.port.clone()).collect()
    }

    /// As `--input` takes them.
    pub fn specs(&self) -> impl Iterator<Item = String> {
        let inputs = self.inputs.iter();
        inputs.map(|input| format!("{}={}", input.port.name, input.spec()))
    }

    /// The values of all inputs, made in the thread of the job.
    ///
    /// # Errors
    /// That of a small one that can't be made.
    pub fn values(&self) -> Result<impl FnOnce(&Session) -> Result<Values> + Send + use<>> {
        let mut small = self.inputs.iter().filter(|input| !input.is_large());
        if let Some(error) = small.find_map(|input| input.value().err()) {
            return Err(error);
        }
        let mut inputs = self.inputs.clone();
        Ok(move |session: &Session| {
            // The session knows what they are indices of, even where nobody has looked yet.
            for input in &mut inputs {
                let mut ports = session.inputs().iter();
                if let Some(port) = ports.find(|port| port.name == input.port.name) {
                    input.port.index_bound = port.index_bound;
                    input.port.content = port.content.clone();
                }
            }
            let named = |input: &Input| Ok((input.port.name.to_string(), input.value()?));
            inputs.iter().map(named).collect()
        })
    }

    /// What the person chose, for all signatures.
    pub fn choices(&self) -> Inputs {
        let mut all = self.recalled.clone();
        let chosen = self.inputs.iter().filter(|input| input.chosen);
        let specs = chosen.map(|i| (i.port.name.to_string(), feed::with_whole_path(&i.spec())));
        all.insert(self.key.clone(), specs.collect());
        all.retain(|_, specs| !specs.is_empty());
        all
    }

    pub fn take_choices(&mut self, inputs: Inputs) {
        self.recalled = inputs;
        self.recall();
        self.preview();
    }

    pub fn type_in(&mut self, words: &str) {
        if let Some(input) = self.inputs.get_mut(self.rows.at) {
            input.type_in(words);
        }
        self.preview();
    }

    /// The next sample of every input, or the one before.
    pub fn step(&mut self, on: bool) {
        self.inputs.iter_mut().for_each(|input| input.step(on));
        self.preview();
    }

    /// Another source for the chosen input.
    pub fn choose(&mut self, on: bool) {
        if let Some(input) = self.inputs.get_mut(self.rows.at) {
            input.choose(on);
        }
        self.preview();
    }

    /// What to ask for, and what was typed before.
    pub fn asked(&self) -> Option<(String, String)> {
        let input = self.inputs.get(self.rows.at)?;
        let initial = match &input.source {
            Source::Typed(text) => text.clone(),
            _ => String::new(),
        };
        Some((input.prompt(), initial))
    }

    /// Whether an input stands there, which is then the chosen one.
    pub fn click(&mut self, column: u16, row: u16) -> bool {
        let at = self.rows.row_at(column, row, self.inputs.len());
        if let Some(at) = at {
            self.rows.at = at;
            self.preview();
        }
        at.is_some()
    }

    pub fn handle(&mut self, command: Command) -> Handled {
        let handled = self.rows.handle(command, self.inputs.len());
        if handled == Handled::Yes {
            self.preview();
        }
        handled
    }

    /// What the inputs are indices of, and sample sets for them.
    pub fn found(&mut self, found: Vec<(Port, Vec<Arc<SampleSet>>)>) {
        for (port, sets) in &found {
            let mut inputs = self.inputs.iter_mut();
            let Some(input) = inputs.find(|input| input.port.name == port.name) else {
                continue;
            };
            input.port.index_bound = port.index_bound;
            input.port.content = port.content.clone();
            input.found(sets.clone());
        }
        // Who frees the last of what the job made gives back all that lay below it, a whole graph.
        discard(found);
        self.preview();
    }

    /// The inputs, and the chosen one's value below.
    pub fn render(&self, inner: Rect, buf: &mut Buffer, theme: &Theme) {
        if self.inputs.is_empty() {
            put(inner, 0, Line::styled("no inputs", theme[Role::Dim]), buf);
            return;
        }
        let names = self
            .inputs
            .iter()
            .map(|i| width(&text::clean(&i.port.name)));
        let names = names.max().unwrap_or(0);
        let kinds = self.inputs.iter().map(|i| kind(&i.port, theme).width());
        let kinds = kinds.max().unwrap_or(0);
        // What does not fit beside the names stands below, of the chosen input.
        let beside = names + 2 + kinds <= inner.width.into();
        let names = names.min(inner.width.into());
        let list = Rect {
            height: (self.inputs.len() as u16)
                .min(inner.height / 2)
                .max(1)
                .min(inner.height),
            ..inner
        };
        for (row, at) in self.rows.window(self.inputs.len(), list).enumerate() {
            let port = &self.inputs[at].port;
            let name = text::left(&text::fit_end(&text::clean(&port.name), names), names);
            let mut line = Line::styled(name + "  ", theme[Role::Strong]);
            if beside {
                line.extend(kind(port, theme));
            }
            put(list, row as u16, line, buf);
            if at == self.rows.at && self.inputs.len() > 1 {
                widgets::mark_row(list, row as u16, buf, theme);
            }
        }
        let mut used = list.height;
        if let Some(input) = self.inputs.get(self.rows.at).filter(|_| !beside) {
            let mut line = Line::raw("  ");
            line.extend(kind(&input.port, theme));
            widgets::put_cut(inner, used, line, buf);
            used = (used + 1).min(inner.height);
        }
        let below = Rect {
            y: inner.y + used,
            height: inner.height - used,
            ..inner
        };
        self.render_choice(below, buf, theme);
    }

    /// The chosen input's value and the other choices.
    fn render_choice(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        let Some(input) = self.inputs.get(self.rows.at) else {
            return;
        };
        let room = area.width.saturating_sub(2) as usize;
        let says = text::clean(&input.says(room));
        // Of a file the end tells more.
        let says = match &input.source {
            Source::Typed(spec) if feed::names_a_file(spec) => text::fit_end(&says, room),
            _ => text::fit(&says, room),
        };
        let chosen = Line::from(vec![
            Span::styled("▸ ", theme[Role::Accent]),
            Span::styled(says, theme[Role::Text]),
        ]);
        put(area, 0, chosen, buf);
        let mut words: Vec<String> = input.sets.iter().map(|s| s.name.clone()).collect();
        words.extend(["random", "zeros", "ones", "range"].map(str::to_owned));
        let hint = format!("  ←→ {}", words.join(" · "));
        let typed = "   t value, file…";
        let wordings = [
            format!("{hint}{typed}"),
            format!("  ←→ another{typed}"),
            hint,
        ];
        let room = area.width as usize;
        let hint = text::fit(&text::fitting(wordings, room), room);
        put(area, 1, Line::styled(hint, theme[Role::Dim]), buf);
        let said = match &self.preview {
            Some(Ok(preview)) => preview.said(room.saturating_sub(2)),
            _ => Vec::new(),
        };
        for (row, line) in said.iter().enumerate() {
            let line = Line::styled(format!("  {line}"), theme[Role::Text]);
            put(area, row as u16 + 2, line, buf);
        }
        let above = (said.len() as u16 + 3).min(area.height);
        let rest = Rect {
            y: area.y + above,
            height: area.height - above,
            ..area
        };
        match &self.preview {
            Some(Ok(preview)) => preview.render(rest, buf, theme),
            Some(Err(error)) => widgets::card(error, buf, rest, theme),
            None => {}
        }
    }
}

/// Type and shape of an input.
fn kind(port: &Port, theme: &Theme) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{} ", port.dtype), theme[Role::Dim]),
        Span::styled(port.shape.to_string(), theme[Role::Number]),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{add, argument, constant, model, subgraph};
    use crate::model::{DType, Tensor};
    use crate::runtime::{self, RunOptions};

    #[test]
    fn random_indices_reach_the_whole_table() {
        let mut main = subgraph("main");
        let ids = argument(&mut main, "ids", DType::Float32, &[1000]);
        let cast = add(&mut main, "cast", "CAST", &[ids], &[1000]);
        main.value_mut(cast).dtype = DType::Int32;
        let table = Tensor::zeros(DType::Float32, &[700, 2]).unwrap();
        let table = constant(&mut main, "table", &table);
        let out = add(&mut main, "rows", "GATHER", &[table, cast], &[1000, 2]);
        let model = Arc::new(model(vec![main], &[ids], &[out]));
        let port = model.meta_graphs[0].signatures[0].inputs[0].clone();
        let form_of = || {
            let mut form = Form::default();
            form.take("serving_default".to_owned(), std::slice::from_ref(&port));
            form
        };
        let mut form = form_of();
        let most = |input: &Input| {
            let numbers = input.value().unwrap().numbers();
            numbers.into_iter().fold(0.0, f64::max)
        };
        assert!(most(&form.inputs[0]) < 1.0);
        let ports = runtime::inputs_of(&model, &RunOptions::default()).unwrap();
        form.found(ports.into_iter().map(|port| (port, Vec::new())).collect());
        assert!(most(&form.inputs[0]) > 650.0);
        // A run that comes before anybody has looked gives the same values.
        let hasty = form_of().values().unwrap();
        let session = Session::new(&model, &RunOptions::default()).unwrap();
        let hasty = hasty(&session).unwrap();
        assert_eq!(hasty[0].1, form.inputs[0].value().unwrap());
    }
}
