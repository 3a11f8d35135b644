/** How the window is cut: the grid's columns, and whether tiles are compact. Follows the window. */

type Cut = { columns: number; compact: boolean };

/** Our choice: narrower than that, a compact tile cannot hold a stepper beside a switch. */
const FOUR_COLUMNS_FROM = 820;

/** As in the style sheets: compact under 1000 px of width or 720 px of height, with four columns in 900 x 640. */
export const cutOf = (width: number, height: number): Cut => {
  if (width < 1000 || height < 720) return { columns: width < FOUR_COLUMNS_FROM ? 3 : 4, compact: true };
  return { columns: width > 1120 ? 4 : 3, compact: false };
};

class Viewport {
  cut = $state.raw(cutOf(innerWidth, innerHeight));

  constructor() {
    addEventListener("resize", () => {
      const next = cutOf(innerWidth, innerHeight);
      if (next.columns !== this.cut.columns || next.compact !== this.cut.compact) this.cut = next;
    });
  }
}

export const viewport = new Viewport();
