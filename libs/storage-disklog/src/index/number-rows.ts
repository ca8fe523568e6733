/** Initial capacity in rows. */
const FIRST_ROWS = 64;

/** Rows with the same number of columns, one after the other. */
export class NumberRows {
  numbers: Float64Array;

  constructor(readonly columns: number) {
    this.numbers = new Float64Array(FIRST_ROWS * columns);
  }

  /** Sets a row to the numbers of a wider one, starting at its column `from`. */
  set(index: number, row: Float64Array, from: number): void {
    const { columns } = this;
    const at = index * columns;
    if (at + columns > this.numbers.length) this.grow();
    const { numbers } = this;
    for (let i = 0; i < columns; i++) numbers[at + i] = row[from + i]!;
  }

  private grow(): void {
    const larger = new Float64Array(this.numbers.length * 2);
    larger.set(this.numbers);
    this.numbers = larger;
  }
}
