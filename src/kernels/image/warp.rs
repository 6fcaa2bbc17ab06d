//! Images sampled at places that are no whole numbers: parts cropped and projective transforms.

use super::Sizes;

/// How values between pixels come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    Nearest,
    Bilinear,
}

/// What stands outside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// The image mirrored at its edges, edges twice.
    Reflect,
    /// The image again.
    Wrap,
    Constant,
    /// The edge.
    Nearest,
}

impl Outside {
    /// The place inside that stands for a place on a line of `size` pixels.
    fn inside(self, place: f32, size: usize) -> f32 {
        let last = size as f32 - 1.0;
        let length = size as f32;
        match self {
            Outside::Constant => place,
            Outside::Nearest => place.clamp(0.0, last),
            _ if (0.0..=last).contains(&place) => place,
            _ if size <= 1 => 0.0,
            Outside::Reflect => {
                let twice = 2.0 * length;
                let at = if place < 0.0 {
                    let up = match place < twice {
                        true => twice * (-place / twice).trunc() + place,
                        false => place,
                    };
                    if up < -length { up + twice } else { -up - 1.0 }
                } else {
                    let down = place - twice * (place / twice).trunc();
                    if down >= length {
                        twice - down - 1.0
                    } else {
                        down
                    }
                };
                at.clamp(0.0, last)
            }
            Outside::Wrap => {
                let at = match place < 0.0 {
                    true => place + length * ((-place / last).trunc() + 1.0),
                    false => place - length * (place / last).trunc(),
                };
                at.clamp(0.0, last)
            }
        }
    }
}

/// One image of a batch.
#[derive(Clone, Copy)]
pub struct Source<'p> {
    pub pixels: &'p [f32],
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl<'p> Source<'p> {
    pub fn of(images: &'p [f32], [_, height, width, channels]: Sizes, number: usize) -> Self {
        let size = height * width * channels;
        Source {
            pixels: &images[number * size..][..size],
            height,
            width,
            channels,
        }
    }

    fn read(&self, y: f32, x: f32, channel: usize, fill: f32) -> f32 {
        let inside = y >= 0.0 && x >= 0.0 && y < self.height as f32 && x < self.width as f32;
        match inside {
            true => self.pixels[(y as usize * self.width + x as usize) * self.channels + channel],
            false => fill,
        }
    }
}

/// A transform from output to input: `x' = (a0 x + a1 y + a2) / k`, `y' = (a3 x + a4 y + a5) / k`,
/// `k = a6 x + a7 y + 1`.
#[derive(Debug, Clone, Copy)]
pub struct Projection<'t> {
    pub factors: &'t [f32; 8],
    pub between: Between,
    pub outside: Outside,
    pub fill: f32,
}

impl Projection<'_> {
    /// Fills `out`, an image of the given height and width.
    pub fn run(&self, source: Source<'_>, [_, width]: [usize; 2], out: &mut [f32]) {
        let a = self.factors;
        let channels = source.channels.max(1);
        for (at, pixel) in out.chunks_exact_mut(channels).enumerate() {
            let (x, y) = ((at % width) as f32, (at / width) as f32);
            let k = a[6] * x + a[7] * y + 1.0;
            if k == 0.0 {
                pixel.fill(self.fill);
                continue;
            }
            let x_in = (a[0] * x + a[1] * y + a[2]) / k;
            let y_in = (a[3] * x + a[4] * y + a[5]) / k;
            let x = self.outside.inside(x_in, source.width);
            let y = self.outside.inside(y_in, source.height);
            for (channel, value) in pixel.iter_mut().enumerate() {
                let read = |y: f32, x: f32| source.read(y, x, channel, self.fill);
                *value = match self.between {
                    Between::Nearest => read(y.round(), x.round()),
                    Between::Bilinear => {
                        let (top, left) = (y.floor(), x.floor());
                        let (bottom, right) = (top + 1.0, left + 1.0);
                        let upper = (right - x) * read(top, left) + (x - left) * read(top, right);
                        let lower =
                            (right - x) * read(bottom, left) + (x - left) * read(bottom, right);
                        (bottom - y) * upper + (y - top) * lower
                    }
                };
            }
        }
    }
}

/// A box of an image as `[y1, x1, y2, x2]` in parts of its height and width, at the sizes of the output; what lies
/// outside is `fill`.
pub fn crop(
    source: Source<'_>,
    corners: [f32; 4],
    [height, width]: [usize; 2],
    between: Between,
    fill: f32,
    out: &mut [f32],
) {
    let [y1, x1, y2, x2] = corners;
    let place = |at: usize, count: usize, low: f32, high: f32, size: usize| {
        let last = (size as i64 - 1) as f32;
        match count > 1 {
            true => low * last + at as f32 * ((high - low) * last / (count - 1) as f32),
            false => 0.5 * (low + high) * last,
        }
    };
    let channels = source.channels.max(1);
    for (at, pixel) in out.chunks_exact_mut(channels).enumerate() {
        let y = place(at / width, height, y1, y2, source.height);
        let x = place(at % width, width, x1, x2, source.width);
        let inside = |place: f32, size: usize| (0.0..=size as f32 - 1.0).contains(&place);
        if !inside(y, source.height) || !inside(x, source.width) {
            pixel.fill(fill);
            continue;
        }
        for (channel, value) in pixel.iter_mut().enumerate() {
            let read = |y: f32, x: f32| source.read(y, x, channel, fill);
            *value = match between {
                Between::Nearest => read(y.round(), x.round()),
                Between::Bilinear => {
                    let (top, bottom, left, right) = (y.floor(), y.ceil(), x.floor(), x.ceil());
                    let along = |y: f32| {
                        let (a, b) = (read(y, left), read(y, right));
                        a + (b - a) * (x - left)
                    };
                    let (upper, lower) = (along(top), along(bottom));
                    upper + (lower - upper) * (y - top)
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PICTURE: Source<'static> = Source {
        pixels: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        height: 2,
        width: 3,
        channels: 1,
    };

    #[test]
    fn the_whole_box_is_the_image() {
        let mut out = [0.0; 6];
        crop(
            PICTURE,
            [0.0, 0.0, 1.0, 1.0],
            [2, 3],
            Between::Bilinear,
            9.0,
            &mut out,
        );
        assert_eq!(out, PICTURE.pixels);
        let mut out = [0.0; 3];
        crop(
            PICTURE,
            [-1.0, 0.0, -0.5, 1.0],
            [1, 3],
            Between::Nearest,
            9.0,
            &mut out,
        );
        assert_eq!(out, [9.0; 3]);
    }

    #[test]
    fn a_shift_shows_what_stands_outside() {
        let shifted = |outside| {
            let factors = [1.0, 0.0, -2.0, 0.0, 1.0, 0.0, 0.0, 0.0];
            let mut out = [0.0; 6];
            let projection = Projection {
                factors: &factors,
                between: Between::Nearest,
                outside,
                fill: 0.0,
            };
            projection.run(PICTURE, [2, 3], &mut out);
            [out[0], out[1], out[2]]
        };
        assert_eq!(shifted(Outside::Constant), [0.0, 0.0, 1.0]);
        assert_eq!(shifted(Outside::Nearest), [1.0, 1.0, 1.0]);
        assert_eq!(shifted(Outside::Reflect), [2.0, 1.0, 1.0]);
    }

    proptest! {
        #[test]
        fn any_place_is_inside(place in any::<f32>(), size in 1usize..9) {
            for outside in [Outside::Reflect, Outside::Wrap, Outside::Nearest] {
                let at = outside.inside(place, size);
                prop_assert!(place.is_nan() || (0.0..=size as f32 - 1.0).contains(&at), "{at}");
            }
        }
    }
}
