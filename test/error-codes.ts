import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** What an error's `retriable` is where it is raised; `depends` where that is no literal. */
export type Retriability = 'yes' | 'no' | 'depends';

const CODE = /^[A-Z]+(_[A-Z]+)*$/;

/** The codes of all errors that the packages raise, by their sources. */
export function collectErrorCodes(root: string): Map<string, Set<Retriability>> {
  const codes = new Map<string, Set<Retriability>>();
  for (const folder of ['libs', 'apps']) {
    for (const name of readdirSync(join(root, folder))) {
      const src = join(root, folder, name, 'src');
      for (const path of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
        if (!path.endsWith('.ts') || /\.spec\.ts$|__fixtures__/.test(path)) continue;
        const text = readFileSync(join(src, path), 'utf8');
        if (/Error\b/.test(text)) collectFrom(text, codes);
      }
    }
  }
  return codes;
}

function collectFrom(text: string, codes: Map<string, Set<Retriability>>): void {
  const visit = (node: ts.Node): void => {
    if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && raisesError(node)) {
      const [code, , retriable] = node.arguments ?? [];
      for (const one of literalsOf(code)) {
        const found = codes.get(one) ?? new Set();
        codes.set(one, found.add(retriabilityOf(retriable)));
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true));
}

/** `super('CODE', ...)` in a class of errors, or `new SomeError('CODE', ...)`. */
function raisesError(node: ts.NewExpression | ts.CallExpression): boolean {
  if (ts.isNewExpression(node)) return node.expression.getText().endsWith('Error');
  if (node.expression.kind !== ts.SyntaxKind.SuperKeyword) return false;
  const owner = ts.findAncestor(node, ts.isClassDeclaration);
  return owner?.name?.text.endsWith('Error') === true;
}

function literalsOf(node: ts.Expression | undefined): string[] {
  if (node === undefined) return [];
  if (ts.isConditionalExpression(node)) return [...literalsOf(node.whenTrue), ...literalsOf(node.whenFalse)];
  return ts.isStringLiteral(node) && CODE.test(node.text) ? [node.text] : [];
}

function retriabilityOf(node: ts.Expression | undefined): Retriability {
  if (node === undefined || node.kind === ts.SyntaxKind.FalseKeyword) return 'no';
  return node.kind === ts.SyntaxKind.TrueKeyword ? 'yes' : 'depends';
}
