export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly from: RegExp;
  readonly to: string;
  readonly suites: readonly string[];
}

export const mutants: readonly Mutant[];
