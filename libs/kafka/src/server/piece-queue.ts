/** Received bytes that are not assigned to a request yet. */
export class PieceQueue {
  private pieces: Buffer[] = [];
  private held = 0;
  /** Whether the last piece is in the caller's memory. */
  private borrows = false;

  get length(): number {
    return this.held;
  }

  /** @param piece stays unchanged at least until {@link keep} is called */
  push(piece: Buffer): void {
    this.pieces.push(piece);
    this.held += piece.length;
    this.borrows = true;
  }

  /** The first four bytes as a number, without removing them; undefined while there are fewer. */
  peekInt32(): number | undefined {
    if (this.held < 4) return undefined;
    if (this.pieces[0]!.length < 4) {
      this.pieces = [Buffer.concat(this.pieces)];
      this.borrows = false;
    }
    return this.pieces[0]!.readInt32BE(0);
  }

  /** Removes the first bytes; at least that many must be present. */
  skip(bytes: number): void {
    this.moveTo(undefined, 0, bytes);
  }

  /** Moves up to `most` bytes into `target`; returns how many. */
  moveTo(target: Buffer | undefined, at: number, most: number): number {
    let moved = 0;
    let used = 0;
    for (const piece of this.pieces) {
      const wanted = Math.min(piece.length, most - moved);
      if (target !== undefined) piece.copy(target, at + moved, 0, wanted);
      moved += wanted;
      if (wanted < piece.length) {
        this.pieces[used] = piece.subarray(wanted);
        break;
      }
      used++;
    }
    this.pieces.splice(0, used);
    this.held -= moved;
    return moved;
  }

  /** Copies the remaining bytes if needed, so that the caller may reuse its memory. */
  keep(): void {
    const last = this.pieces.length - 1;
    if (this.borrows && last >= 0) this.pieces[last] = Buffer.from(this.pieces[last]!);
    this.borrows = false;
  }

  clear(): void {
    this.pieces = [];
    this.held = 0;
  }
}
