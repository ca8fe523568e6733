/** Bytes as the socket gave them, until a whole request is there. */
export class PieceQueue {
  private pieces: Buffer[] = [];
  private held = 0;

  get length(): number {
    return this.held;
  }

  push(piece: Buffer): void {
    this.pieces.push(piece);
    this.held += piece.length;
  }

  /** The first four bytes as a number, which stay; undefined while there are fewer. */
  peekInt32(): number | undefined {
    if (this.held < 4) return undefined;
    if (this.pieces[0]!.length < 4) this.pieces = [Buffer.concat(this.pieces)];
    return this.pieces[0]!.readInt32BE(0);
  }

  /** Takes bytes out; without a copy where they lie in one piece. */
  take(bytes: number): Buffer {
    this.held -= bytes;
    const first = this.pieces[0]!;
    if (first.length > bytes) {
      this.pieces[0] = first.subarray(bytes);
      return first.subarray(0, bytes);
    }
    if (first.length === bytes) return this.pieces.shift()!;
    return this.gather(bytes);
  }

  clear(): void {
    this.pieces = [];
    this.held = 0;
  }

  private gather(bytes: number): Buffer {
    const whole = Buffer.allocUnsafe(bytes);
    let filled = 0;
    let used = 0;
    for (const piece of this.pieces) {
      const wanted = bytes - filled;
      piece.copy(whole, filled, 0, wanted);
      filled += Math.min(piece.length, wanted);
      if (piece.length > wanted) {
        this.pieces[used] = piece.subarray(wanted);
        break;
      }
      used++;
      if (filled === bytes) break;
    }
    this.pieces.splice(0, used);
    return whole;
  }
}
