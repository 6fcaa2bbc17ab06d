//! Themes: styles by role. Drawing code names a role, never a colour.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::term::{Color, Modifier, Style};
use crate::error::{Error, Result};
use crate::model::Dialect;
use crate::ops::Family;

macro_rules! roles {
    ($($role:ident $name:literal),* $(,)?) => {
        /// What a piece of the screen is for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Role { $($role,)* }

        const ROLES: &[(Role, &str)] = &[$((Role::$role, $name),)*];
    };
}

// A role that a theme does not name takes the style of its parent: `text.dim` that of `text`.
roles! {
    Screen "screen", Text "text", Dim "text.dim", Strong "text.strong", Number "text.number",
    Border "border", BorderFocused "border.focused", Title "title",
    Brand "header.brand", Header "header", Tab "tab", TabActive "tab.active", Footer "footer", Key "footer.key",
    Selected "selected", SelectedDim "selected.unfocused", Hit "hit", Column "column",
    Accent "accent", Bar "bar", BarRest "bar.rest", SeriesA "series.a", SeriesB "series.b",
    Good "state.good", Warn "state.warn", Bad "state.bad",
    HeatLow "heat.low", HeatHigh "heat.high",
    Convolution "family.convolution", Matmul "family.matmul", Elementwise "family.elementwise",
    Activation "family.activation", Reduce "family.reduce", Shape "family.shape", Control "family.control",
    State "family.state", Quantize "family.quantize", Pool "family.pool", Custom "family.custom", Other "family.other",
    SyntaxKey "syntax.key", SyntaxString "syntax.string", SyntaxNumber "syntax.number",
    SyntaxKeyword "syntax.keyword", SyntaxComment "syntax.comment",
}

/// A resolved theme.
#[derive(Debug, Clone)]
pub struct Theme {
    pub name: String,
    styles: Vec<Style>,
}

const BUILTIN: &[(&str, &str)] = &[
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    (
        "colour-blind",
        include_str!("../../themes/colour-blind.toml"),
    ),
    ("mono", include_str!("../../themes/mono.toml")),
];

impl Theme {
    /// Names of the themes in the program, the default first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// A theme by name: one of the program's, or `NAME.toml` in the `themes` folder of `config`.
    pub fn named(name: &str, config: Option<&Path>) -> Result<Theme> {
        if let Some(file) = config.map(|c| c.join("themes").join(format!("{name}.toml")))
            && let Ok(text) = std::fs::read_to_string(&file)
        {
            return Theme::parse(name, &text).map_err(|e| e.in_file(file));
        }
        Theme::parse(name, Theme::source(name)?)
    }

    /// The file of one of the program's own themes.
    ///
    /// # Errors
    /// There is none of this name (usage).
    pub fn source(name: &str) -> Result<&'static str> {
        match BUILTIN.iter().find(|(n, _)| *n == name) {
            Some((_, text)) => Ok(text),
            None => Err(Error::usage(format!("no theme {name:?}")).hint(format!(
                "there are: {}",
                Theme::names().collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// Reads `palette` (names for colours) and the tree of styles.
    pub fn parse(name: &str, text: &str) -> Result<Theme> {
        let table: Table = text
            .parse()
            .map_err(|e: toml::de::Error| Error::usage(e.message().to_owned()).at("theme"))?;
        let palette = match table.get("palette") {
            Some(Value::Table(palette)) => palette.clone(),
            _ => Table::new(),
        };
        let mut named = BTreeMap::new();
        for (key, value) in table.iter().filter(|(key, _)| *key != "palette") {
            collect(key, value, &palette, &mut named)?;
        }
        if let Some(unknown) = named.keys().find(|k| !is_role(k)) {
            return Err(Error::usage(format!("no role {unknown:?}")).at("theme"));
        }
        let styles = ROLES
            .iter()
            .map(|(_, role)| {
                let mut at = *role;
                loop {
                    match (named.get(at), at.rsplit_once('.')) {
                        (Some(style), _) => return *style,
                        (None, Some((parent, _))) => at = parent,
                        (None, None) => return Style::new(),
                    }
                }
            })
            .collect();
        Ok(Theme {
            name: name.to_owned(),
            styles,
        })
    }

    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    pub fn family(&self, family: Family) -> Style {
        self.style(match family {
            Family::Conv => Role::Convolution,
            Family::MatMul => Role::Matmul,
            Family::Pool => Role::Pool,
            Family::Activation => Role::Activation,
            Family::Elementwise => Role::Elementwise,
            Family::Reduce => Role::Reduce,
            Family::Shape => Role::Shape,
            Family::Quantize => Role::Quantize,
            Family::Control => Role::Control,
            Family::State => Role::State,
            Family::Custom => Role::Custom,
            Family::Other => Role::Other,
        })
    }

    /// The hue of an operator.
    pub fn op(&self, dialect: Dialect, op: &str) -> Style {
        self.family(crate::ops::family(dialect, op))
    }

    /// Whether the theme has no colours to tell values apart by.
    pub fn is_mono(&self) -> bool {
        self.style(Role::HeatHigh).fg.is_none()
    }

    /// A colour between the two ends of the heat scale; `at` from 0 to 1.
    pub fn heat(&self, at: f64) -> Style {
        let (low, high) = (self.style(Role::HeatLow), self.style(Role::HeatHigh));
        match (low.fg, high.fg) {
            (Some(Color::Rgb(r0, g0, b0)), Some(Color::Rgb(r1, g1, b1))) => {
                let mix = |a: u8, b: u8| {
                    (f64::from(a) + (f64::from(b) - f64::from(a)) * at.clamp(0.0, 1.0)).round()
                        as u8
                };
                Style::new().fg(Color::Rgb(mix(r0, r1), mix(g0, g1), mix(b0, b1)))
            }
            _ if at >= 0.5 => high,
            _ => low,
        }
    }
}

impl std::ops::Index<Role> for Theme {
    type Output = Style;
    fn index(&self, role: Role) -> &Style {
        &self.styles[role as usize]
    }
}

/// Whether a name is a role or the parent of one.
fn is_role(name: &str) -> bool {
    ROLES.iter().any(|(_, role)| {
        role.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// A string is a foreground; a table with `fg`, `bg` or `mods` a style; another table holds children.
fn collect(
    path: &str,
    value: &Value,
    palette: &Table,
    into: &mut BTreeMap<String, Style>,
) -> Result<()> {
    match value {
        Value::String(fg) => {
            into.insert(
                path.to_owned(),
                Style::new().fg(colour(fg, palette).map_err(|e| e.at(path))?),
            );
        }
        Value::Table(table) => {
            let mut style = Style::new();
            let mut own = false;
            for (key, value) in table {
                match (key.as_str(), value) {
                    ("fg", Value::String(name)) => {
                        style = style.fg(colour(name, palette).map_err(|e| e.at(path))?);
                        own = true;
                    }
                    ("bg", Value::String(name)) => {
                        style = style.bg(colour(name, palette).map_err(|e| e.at(path))?);
                        own = true;
                    }
                    ("mods", Value::Array(mods)) => {
                        for modifier in mods {
                            style = style
                                .add_modifier(modifier_named(modifier).map_err(|e| e.at(path))?);
                        }
                        own = true;
                    }
                    _ => collect(&format!("{path}.{key}"), value, palette, into)?,
                }
            }
            if own || table.is_empty() {
                into.insert(path.to_owned(), style);
            }
        }
        other => {
            return Err(Error::usage(format!(
                "expected a colour or a table, found {}",
                other.type_str()
            ))
            .at(path));
        }
    }
    Ok(())
}

fn colour(name: &str, palette: &Table) -> Result<Color> {
    let spelled = match palette.get(name) {
        Some(Value::String(colour)) => colour,
        _ => name,
    };
    spelled.parse().map_err(|_| {
        Error::usage(format!("no colour {spelled:?}")).hint("colours look like #7aa2f7, blue, 240")
    })
}

fn modifier_named(value: &Value) -> Result<Modifier> {
    Ok(match value.as_str() {
        Some("bold") => Modifier::BOLD,
        Some("dim") => Modifier::DIM,
        Some("italic") => Modifier::ITALIC,
        Some("underlined") => Modifier::UNDERLINED,
        Some("reversed") => Modifier::REVERSED,
        _ => {
            return Err(Error::usage(format!("no modifier {value}"))
                .hint("bold, dim, italic, underlined, reversed"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_theme_reads() {
        for name in Theme::names() {
            Theme::named(name, None).unwrap();
        }
    }

    #[test]
    fn without_colour_there_is_none() {
        let theme = Theme::named("mono", None).unwrap();
        for (role, name) in ROLES {
            let style = theme.style(*role);
            assert_eq!((style.fg, style.bg), (None, None), "{name}");
        }
    }

    #[test]
    fn a_child_takes_its_parents_style_and_mistakes_are_named() {
        let theme = Theme::parse("x", "text = \"ink\"\n[palette]\nink = \"#010203\"").unwrap();
        assert_eq!(theme.style(Role::Dim).fg, Some(Color::Rgb(1, 2, 3)));
        assert!(
            Theme::parse("x", "txt = \"red\"")
                .unwrap_err()
                .to_string()
                .contains("\"txt\"")
        );
        assert!(
            Theme::parse("x", "text = \"rad\"")
                .unwrap_err()
                .to_string()
                .contains("text: no colour")
        );
    }
}
