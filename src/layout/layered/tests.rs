use proptest::prelude::*;

use super::*;

const SPACING: Spacing = Spacing {
    across: 2,
    between: 0,
};

fn boxes(widths: &[i32]) -> Vec<Size> {
    widths
        .iter()
        .map(|&width| Size {
            width,
            height: 3,
            pin: Pin::Free,
        })
        .collect()
}

fn links(pairs: &[(usize, usize)]) -> Vec<Link> {
    pairs.iter().map(|&(a, b)| Link::new(a, b)).collect()
}

/// Cells of an edge without its two ends.
fn cells(points: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut cells = Vec::new();
    for pair in points.windows(2) {
        let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
        assert!(x1 == x2 || y1 == y2, "a slanted edge: {points:?}");
        for x in x1.min(x2)..=x1.max(x2) {
            for y in y1.min(y2)..=y1.max(y2) {
                cells.push((x, y));
            }
        }
    }
    let (first, last) = (points[0], points[points.len() - 1]);
    cells.retain(|c| *c != first && *c != last);
    cells
}

fn check(sizes: &[Size], links: &[Link], drawing: &Drawing) {
    for (index, rect) in drawing.boxes.iter().enumerate() {
        assert!(rect.x >= 0 && rect.right() <= drawing.width, "{rect:?}");
        assert!(rect.y >= 0 && rect.bottom() <= drawing.height, "{rect:?}");
        assert!(rect.width >= sizes[index].width);
        for other in &drawing.boxes[..index] {
            assert!(!rect.meets(other), "{rect:?} lies on {other:?}");
        }
    }
    for (link, edge) in links.iter().zip(&drawing.edges) {
        if link.from == link.to {
            assert!(edge.points.is_empty());
            continue;
        }
        let (from, to) = (drawing.boxes[link.from], drawing.boxes[link.to]);
        let (first, last) = (edge.points[0], edge.points[edge.points.len() - 1]);
        assert!(from.contains(first.0, first.1) && to.contains(last.0, last.1));
        if edge.back {
            assert!(from.y >= to.bottom());
        } else {
            assert!(from.bottom() <= to.y, "ranks must increase");
        }
        for (x, y) in cells(&edge.points) {
            let hit = drawing.boxes.iter().position(|b| b.contains(x, y));
            assert_eq!(hit, None, "edge {link:?} runs through a box at {x}, {y}");
        }
    }
}

proptest! {
    #[test]
    fn boxes_and_edges_keep_apart(
        widths in prop::collection::vec(1i32..24, 1..40),
        pairs in prop::collection::vec((0usize..40, 0usize..40), 0..80),
        acyclic: bool,
    ) {
        let count = widths.len();
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(a, b)| (a % count, b % count))
            .map(|(a, b)| if acyclic { (a.min(b), a.max(b)) } else { (a, b) })
            .collect();
        let (sizes, links) = (boxes(&widths), links(&pairs));
        let drawing = lay_out(&sizes, &links, SPACING);
        check(&sizes, &links, &drawing);
        if acyclic {
            prop_assert!(drawing.edges.iter().all(|e| !e.back));
        }
        prop_assert_eq!(&drawing, &lay_out(&sizes, &links, SPACING));
    }

    #[test]
    fn pins_hold(
        pairs in prop::collection::vec((0usize..12, 0usize..12), 0..30),
    ) {
        let mut sizes = boxes(&[5; 12]);
        sizes[0] = Size { width: 1, height: 1, pin: Pin::Top };
        sizes[11] = Size { width: 1, height: 1, pin: Pin::Bottom };
        let pairs: Vec<_> = pairs.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
        let links = links(&pairs);
        let drawing = lay_out(&sizes, &links, SPACING);
        check(&sizes, &links, &drawing);
        prop_assert_eq!(drawing.boxes[0].y, 0);
        prop_assert_eq!(drawing.boxes[11].bottom(), drawing.height);
    }
}

#[test]
fn a_chain_is_one_straight_line() {
    let links = links(&[(0, 1), (1, 2), (2, 3)]);
    let drawing = lay_out(&boxes(&[9, 15, 5, 21]), &links, SPACING);
    for edge in &drawing.edges {
        assert_eq!(edge.points.len(), 2, "{edge:?}");
        assert_eq!(edge.points[0].0, drawing.width / 2);
    }
}

#[test]
fn the_trunk_beside_a_skip_connection_stays_straight() {
    // 0 → 1 → 2 → 3 → 4 with a shortcut from 0 to 3.
    let links = links(&[(0, 1), (1, 2), (2, 3), (0, 3), (3, 4)]);
    let drawing = lay_out(&boxes(&[15; 5]), &links, SPACING);
    let middles: Vec<i32> = drawing.boxes.iter().map(|b| b.middle().0).collect();
    assert!(middles.iter().all(|m| *m == middles[0]), "{middles:?}");
}

#[test]
fn both_arms_of_a_diamond_stand_left_and_right_of_its_tip() {
    let links = links(&[(0, 1), (0, 2), (1, 3), (2, 3)]);
    let drawing = lay_out(&boxes(&[9; 4]), &links, SPACING);
    let middle = |b: usize| drawing.boxes[b].middle().0;
    assert!((middle(0) * 2 - middle(1) - middle(2)).abs() <= 1);
    assert_eq!(middle(0), middle(3));
}

#[test]
fn an_edge_back_up_is_marked() {
    let links = links(&[(0, 1), (1, 2), (2, 1)]);
    let drawing = lay_out(&boxes(&[9; 3]), &links, SPACING);
    let back: Vec<bool> = drawing.edges.iter().map(|e| e.back).collect();
    assert_eq!(back.iter().filter(|b| **b).count(), 1);
}

#[test]
fn ten_thousand_boxes_with_skips_and_a_fan_are_laid_out_in_bounds() {
    let count = 10_000;
    let mut pairs: Vec<(usize, usize)> = (1..count).map(|n| (n - 1, n)).collect();
    pairs.extend((0..count - 40).step_by(3).map(|n| (n, n + 5 + n % 31)));
    pairs.extend((1..count).step_by(7).map(|n| (0, n)));
    let drawing = lay_out(&boxes(&vec![11; count]), &links(&pairs), SPACING);
    assert_eq!(drawing.boxes.len(), count);
}
