//! The logarithm of a complex matrix: inverse scaling and squaring of its triangle; Higham, Functions of Matrices, 11.5.

use super::eigen::{self, Complex, NotFound};
use super::{Half, adjoint, triangular};
use crate::kernels::elementwise::complex;
use crate::kernels::scalar::{Scalar, Z};

/// Points and weights of Gauss' rule between 0 and 1, whose eight terms are the logarithm's Padé approximant: to the last
/// place of `f64` where what is beside 1 has a norm of at most [`NEAR`].
const POINTS: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_3),
];

const NEAR: f64 = 0.25;

/// The principal logarithm of an `[n, n]` matrix; NaN where there is none.
pub fn logarithm(a: &[Z], n: usize) -> Vec<Z> {
    let parts: Vec<_> = a.iter().map(|z| Complex(z.0)).collect();
    let Ok((t, u)) = eigen::schur(&parts, n) else {
        return vec![Z::real(f64::NAN); a.len()];
    };
    let [t, u] = [t, u].map(|m| m.iter().map(|z| Z(z.0)).collect::<Vec<Z>>());
    match of_triangle(&t, n) {
        Ok(log) => product(&product(&u, &log, n), &adjoint(&u, n, n), n),
        Err(NotFound) => vec![Z::real(f64::NAN); a.len()],
    }
}

fn of_triangle(t: &[Z], n: usize) -> Result<Vec<Z>, NotFound> {
    /// More than it takes from the largest number to near 1.
    const ROOTS: i32 = 100;
    let mut near = t.to_vec();
    let mut roots = 0;
    loop {
        let beside = |row: usize, column: usize| match row == column {
            true => near[row * n + column] - Z::real(1.0),
            false => near[row * n + column],
        };
        let column = |column: usize| (0..n).map(|row| beside(row, column).size()).sum();
        let norm = (0..n).map(column).fold(
            0.0,
            |most: f64, v: f64| {
                if v > most || v.is_nan() { v } else { most }
            },
        );
        if norm <= NEAR {
            break;
        }
        if roots == ROOTS || !norm.is_finite() {
            return Err(NotFound);
        }
        near = root(&near, n);
        roots += 1;
    }
    (0..n).for_each(|k| near[k * n + k] -= Z::real(1.0));
    let mut log = vec![Z::default(); n * n];
    for (point, weight) in POINTS.iter().flat_map(|&(p, w)| [(p, w), (-p, w)]) {
        let at = Z::real((1.0 + point) / 2.0);
        let mut under: Vec<Z> = near.iter().map(|&v| v * at).collect();
        (0..n).for_each(|k| under[k * n + k] = under[k * n + k] + Z::real(1.0));
        let mut term = near.clone();
        triangular(&under, n, Half::Upper, false, &mut term, n);
        let weight = Z::real(weight / 2.0 * 2f64.powi(roots));
        for (sum, &term) in log.iter_mut().zip(&term) {
            *sum = *sum + term * weight;
        }
    }
    for k in 0..n {
        log[k * n + k] = Z(complex::ln(t[k * n + k].0));
    }
    Ok(log)
}

/// The root of an upper triangle, diagonal by diagonal.
fn root(t: &[Z], n: usize) -> Vec<Z> {
    let mut r = vec![Z::default(); n * n];
    for column in 0..n {
        r[column * n + column] = Z(complex::sqrt(t[column * n + column].0));
        for row in (0..column).rev() {
            let between = row + 1..column;
            let dot: Z = between.map(|k| r[row * n + k] * r[k * n + column]).sum();
            let rest = t[row * n + column] - dot;
            r[row * n + column] = rest / (r[row * n + row] + r[column * n + column]);
        }
    }
    r
}

fn product(a: &[Z], b: &[Z], n: usize) -> Vec<Z> {
    let cell = |row: usize, column: usize| -> Z {
        (0..n).map(|k| a[row * n + k] * b[k * n + column]).sum()
    };
    (0..n * n).map(|at| cell(at / n, at % n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: &[Z], b: &[Z]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| (a - b).size() < 1e-12)
    }

    #[test]
    fn a_nilpotent_part_and_a_negative_number_have_known_logarithms() {
        let [zero, one] = [0.0, 1.0].map(Z::real);
        // ln(1 + N) = N - N² / 2.
        let found = logarithm(&[one, one, zero, zero, one, one, zero, zero, one], 3);
        let half = Z::real(-0.5);
        assert!(near(
            &found,
            &[zero, one, half, zero, zero, one, zero, zero, zero]
        ));
        let found = logarithm(&[Z::real(-1.0), zero, zero, Z::real(1e6)], 2);
        let pi = Z([0.0, std::f64::consts::PI]);
        assert!(near(&found, &[pi, zero, zero, Z::real(1e6f64.ln())]));
        assert!(logarithm(&[zero; 4], 2).iter().all(|z| z.part().is_nan()));
        assert!(logarithm(&[], 0).is_empty());
    }

    #[test]
    fn half_the_logarithm_is_the_roots() {
        let a = [[2.0, 0.5], [0.3, -1.0], [-0.7, 0.2], [1.5, 1.0]].map(Z);
        let root = super::super::square_root(&a, 2).unwrap();
        let half: Vec<Z> = logarithm(&a, 2).iter().map(|&v| v * Z::real(0.5)).collect();
        assert!(near(&logarithm(&root, 2), &half));
    }
}
