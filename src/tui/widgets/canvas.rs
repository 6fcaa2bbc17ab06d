//! A part of a graph's drawing on the screen.

use crate::layout::paint::{COVERED, Ink, Picture};
use crate::layout::scene::{Place, Scene};
use crate::layout::scope::Item;
use crate::tui::term::{Buffer, Modifier, Rect, Style};
use crate::tui::theme::{Role, Theme};

/// How a box looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Of its stroke and border.
    pub hue: Style,
    pub chosen: bool,
    /// Not what the person looks at now.
    pub faded: bool,
}

/// Puts a picture of the scene into `area`, cell by cell.
pub fn render(
    picture: &Picture,
    scene: &Scene,
    area: Rect,
    buf: &mut Buffer,
    theme: &Theme,
    look: impl Fn(&Place) -> Look,
) {
    let mut known: Option<(usize, Look)> = None;
    for (row, cells) in picture.cells.chunks(picture.width.max(1)).enumerate() {
        for (column, (letter, ink)) in cells.iter().enumerate() {
            if column >= area.width as usize || row >= area.height as usize {
                break;
            }
            let place = place_of(*ink).and_then(|index| {
                let place = scene.places.get(index)?;
                // Neighbouring cells mostly belong to the same box.
                let look = match known {
                    Some((at, look)) if at == index => look,
                    _ => look(place),
                };
                known = Some((index, look));
                Some((place, look))
            });
            let style = style(*ink, place, theme);
            if let Some(cell) = buf.cell_mut((area.x + column as u16, area.y + row as u16)) {
                // The terminal skips what a wide character covers.
                let letter = if *letter == COVERED { ' ' } else { *letter };
                cell.set_char(letter).set_style(style);
            }
        }
    }
}

fn place_of(ink: Ink) -> Option<usize> {
    match ink {
        Ink::Blank | Ink::Edge | Ink::ChosenEdge | Ink::Control | Ink::Shape => None,
        Ink::Border(i)
        | Ink::Mark(i)
        | Ink::Head(i)
        | Ink::Tail(i)
        | Ink::Sub(i)
        | Ink::Inside(i) => Some(i),
    }
}

fn style(ink: Ink, place: Option<(&Place, Look)>, theme: &Theme) -> Style {
    let Some((place, look)) = place else {
        return match ink {
            Ink::ChosenEdge => theme[Role::Accent],
            Ink::Control => theme[Role::Border],
            Ink::Shape => theme[Role::Column],
            _ => theme[Role::BorderFocused],
        };
    };
    let base = match ink {
        Ink::Border(_) if look.chosen => theme[Role::Accent],
        Ink::Border(_) if place.open => theme[Role::Border],
        Ink::Border(_) => theme[Role::BorderFocused],
        Ink::Mark(_) => look.hue,
        Ink::Head(_) if look.chosen => theme[Role::Strong],
        Ink::Head(_) if place.open => theme[Role::Dim],
        Ink::Head(_) if matches!(place.item, Item::Node(_)) => look.hue,
        Ink::Head(_) => theme[Role::Text],
        _ => theme[Role::Dim],
    };
    let base = match ink {
        Ink::Border(_) => base,
        _ if look.chosen && !place.open => match theme[Role::Selected].bg {
            Some(bg) => base.bg(bg),
            None => base.add_modifier(Modifier::REVERSED),
        },
        _ => base,
    };
    if look.faded && !look.chosen {
        base.patch(theme[Role::Border])
    } else {
        base
    }
}
