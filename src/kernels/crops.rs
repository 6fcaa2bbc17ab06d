//! Random parts of an image that hold enough of what is on it: TensorFlow's `sample_distorted_bounding_box`, word for word
//! of its generator.

use super::philox::{Philox, uniform};

/// Left, top, right and bottom, in pixels; the last two are outside.
pub type Sides = [i32; 4];

/// What a part is to be like.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Width by height, between these.
    pub aspect: [f32; 2],
    /// Of the image's area, between these; at most 1.
    pub area: [f32; 2],
    /// How much of one of the boxes it holds at least.
    pub covered: f32,
    pub attempts: usize,
}

/// A part of an image of `[height, width]`; all of it where no attempt finds one. `boxes` are what it is to hold.
pub fn sample(philox: &Philox, [height, width]: [i32; 2], boxes: &[Sides], wish: &Wish) -> Sides {
    let mut words = Words {
        philox: philox.clone(),
        left: Vec::new(),
    };
    for _ in 0..wish.attempts {
        let [least, most] = wish.aspect;
        let aspect = uniform(words.next()) * (most - least) + least;
        let part = words.part([height, width], wish.area, aspect);
        if let Some(part) = part.filter(|part| holds(part, boxes, wish.covered)) {
            return part;
        }
    }
    [0, 0, width, height]
}

fn area([left, top, right, bottom]: &Sides) -> f32 {
    (right.wrapping_sub(*left)).wrapping_mul(bottom.wrapping_sub(*top)) as f32
}

/// Whether a part holds so much of one of the boxes; those below a pixel don't count.
fn holds(part: &Sides, boxes: &[Sides], covered: f32) -> bool {
    let both = |other: &Sides| {
        let [left, top] = [0, 1].map(|at| part[at].max(other[at]));
        let [right, bottom] = [2, 3].map(|at| part[at].min(other[at]));
        match left <= right && top <= bottom {
            true => area(&[left, top, right, bottom]),
            false => 0.0,
        }
    };
    let mut boxes = boxes.iter().filter(|sides| area(sides) >= 1.0);
    area(part) >= 1.0 && boxes.any(|sides| both(sides) / area(sides) >= covered)
}

/// Halves to even, as the C library rounds.
fn round(value: f32) -> i32 {
    value.round_ties_even() as i32
}

/// The generator word by word.
struct Words {
    philox: Philox,
    /// Of the last four, last first.
    left: Vec<u32>,
}

impl Words {
    fn next(&mut self) -> u32 {
        if self.left.is_empty() {
            self.left.extend(self.philox.four().into_iter().rev());
        }
        self.left.pop().unwrap_or_default()
    }

    /// One of the numbers below `count`, each as likely as the others.
    fn below(&mut self, count: i32) -> i32 {
        let count = count as u32;
        if count.is_power_of_two() {
            return (self.next() & (count - 1)) as i32;
        }
        let surplus = u32::MAX % count + 1;
        loop {
            let word = self.next();
            if word >= surplus {
                return (word % count) as i32;
            }
        }
    }

    /// A part of this aspect and of an area between these shares of the image's, anywhere; none where there is no such.
    fn part(&mut self, [tall, wide]: [i32; 2], share: [f32; 2], aspect: f32) -> Option<Sides> {
        let sound = share[1] > 0.0 && aspect > 0.0 && share[0] <= share[1];
        if !sound || tall <= 0 || wide <= 0 {
            return None;
        }
        let [least, most] = share.map(|share| share * wide as f32 * tall as f32);
        let across = |height: i32| round(height as f32 * aspect);
        let [mut height, mut highest] = [least, most].map(|area| round((area / aspect).sqrt()));
        if across(highest) > wide {
            // Just below a half, so that it is rounded down.
            highest = ((f64::from(wide) + 0.5 - f64::from(1e-7f32)) / f64::from(aspect)) as i32;
            if across(highest) > wide {
                highest -= 1;
            }
        }
        highest = highest.min(tall);
        height = height.min(highest);
        if height < highest {
            height += self.below(highest - height + 1);
        }
        let pixels = |height: i32| height.wrapping_mul(across(height)) as f32;
        // What rounding took away or added.
        if pixels(height) < least {
            height += 1;
        }
        if pixels(height) > most {
            height -= 1;
        }
        let (width, area) = (across(height), pixels(height));
        if area < least || area > most || width > wide || height > tall || width <= 0 || height <= 0
        {
            return None;
        }
        let top = if height < tall {
            self.below(tall - height)
        } else {
            0
        };
        let left = if width < wide {
            self.below(wide - width)
        } else {
            0
        };
        Some([left, top, left + width, top + height])
    }
}
