//! Hues to tell classes apart by, and letters where there are no colours.

use crate::tui::term::{Color, Style};
use crate::tui::theme::{Role, Theme};

/// The hues of a theme, each once.
pub struct Hues {
    colours: Vec<Color>,
    /// Of class 0, which in maps is most often what is none of the others.
    quiet: Style,
}

const ROLES: [Role; 14] = [
    Role::SeriesB,
    Role::SeriesA,
    Role::Good,
    Role::Warn,
    Role::Bad,
    Role::Convolution,
    Role::Quantize,
    Role::State,
    Role::Shape,
    Role::Activation,
    Role::Pool,
    Role::Matmul,
    Role::Reduce,
    Role::Control,
];

/// Letters for classes, the first for the quiet one.
const LETTERS: [&str; 12] = ["·", "▓", "░", "▒", "#", "o", "+", "x", "*", "%", "=", "~"];

impl Hues {
    pub fn of(theme: &Theme) -> Hues {
        let mut colours = Vec::new();
        for colour in ROLES.iter().filter_map(|role| theme[*role].fg) {
            if !colours.contains(&colour) && !is_grey(colour) {
                colours.push(colour);
            }
        }
        Hues {
            colours,
            quiet: theme[Role::BarRest],
        }
    }

    /// Of things of a class, which go round where there are more classes than hues.
    pub fn thing(&self, class: usize) -> Style {
        match self.colours.len() {
            0 => Style::new(),
            count => Style::new().fg(self.colours[class % count]),
        }
    }

    /// Of a class in a map: class 0 is quiet. Beyond the hues of the theme they come mixed with each other.
    pub fn class(&self, class: usize) -> Style {
        let (Some(at), count) = (class.checked_sub(1), self.colours.len()) else {
            return self.quiet;
        };
        if count == 0 {
            return Style::new();
        }
        let (colour, round) = (self.colours[at % count], at / count);
        match (colour, self.colours[(at + round) % count]) {
            (Color::Rgb(r0, g0, b0), Color::Rgb(r1, g1, b1)) => {
                let mix = |a: u8, b: u8| ((u16::from(a) + u16::from(b)) / 2) as u8;
                Style::new().fg(Color::Rgb(mix(r0, r1), mix(g0, g1), mix(b0, b1)))
            }
            _ => Style::new().fg(colour),
        }
    }

    /// What stands for a class where colours don't.
    pub fn letter(class: usize) -> &'static str {
        match class {
            0 => LETTERS[0],
            _ => LETTERS[1 + (class - 1) % (LETTERS.len() - 1)],
        }
    }
}

/// Greys are for what is quiet.
fn is_grey(colour: Color) -> bool {
    /// Between the strongest and the weakest part.
    const LEAST: u8 = 32;
    match colour {
        Color::Rgb(r, g, b) => r.max(g).max(b) - r.min(g).min(b) < LEAST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_classes_have_colours_of_their_own_in_every_theme() {
        for (name, least) in [
            ("dark", 24),
            ("light", 24),
            ("colour-blind", 12),
            ("mono", 1),
        ] {
            let hues = Hues::of(&Theme::named(name, None).unwrap());
            let mut seen: Vec<Option<Color>> = Vec::new();
            for class in 0..25 {
                let colour = hues.class(class).fg;
                if !seen.contains(&colour) {
                    seen.push(colour);
                }
            }
            assert!(seen.len() >= least, "{name} {}", seen.len());
        }
        let letters: std::collections::HashSet<_> = (0..12).map(Hues::letter).collect();
        assert_eq!(letters.len(), 12);
    }
}
