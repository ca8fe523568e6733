/**
 * Checks that every exported symbol of a package, and every member of the exported interfaces, option types and classes,
 * has a JSDoc comment. `npm run check:docs` lists those without one.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const packages = ['libs', 'apps'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .map((name) => join(ROOT, folder, name))
    .filter((directory) => existsSync(join(directory, 'package.json')))
    .map((directory) => {
      const { name, exports } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
      const entries = Object.values(exports).flatMap((entry) => entry['@genrocks/source'] ?? []);
      return { name, entries: entries.map((path) => join(directory, path)) };
    }),
);

const base = ts.readConfigFile(join(ROOT, 'tsconfig.base.json'), ts.sys.readFile).config.compilerOptions;
const { options } = ts.convertCompilerOptionsFromJson(base, ROOT);
const program = ts.createProgram(
  packages.flatMap(({ entries }) => entries),
  {
    ...options,
    composite: false,
    incremental: false,
    noEmit: true,
    types: ['node'],
    customConditions: ['@genrocks/source'],
  },
);
const checker = program.getTypeChecker();

/** @returns symbols without a comment, such as `PublishResult.offset libs/topics/src/message.ts:12` */
function missingIn(entries) {
  const missing = new Set();
  const tell = (name, node) => {
    const file = node.getSourceFile();
    const { line } = file.getLineAndCharacterOfPosition(node.getStart());
    missing.add(`${name} ${relative(ROOT, file.fileName)}:${line + 1}`);
  };
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry));
    for (const exported of checker.getExportsOfModule(module)) {
      const isAlias = exported.flags & ts.SymbolFlags.Alias;
      const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported;
      const [first] = symbol.declarations ?? [];
      if (first === undefined || isForeign(first)) continue;
      if (!symbol.declarations.some(isDocumented)) tell(symbol.name, first);
      for (const member of symbol.declarations.flatMap(membersOf))
        if (!isDocumented(member)) tell(`${symbol.name}.${member.name.getText()}`, member);
    }
  }
  return [...missing].sort();
}

function isForeign(node) {
  const { fileName } = node.getSourceFile();
  return fileName.includes('node_modules') || fileName.endsWith('.d.ts');
}

/** The public members of an interface, a class or an object type. */
function membersOf(node) {
  const type = ts.isTypeAliasDeclaration(node) ? node.type : node;
  if (!ts.isInterfaceDeclaration(type) && !ts.isTypeLiteralNode(type) && !ts.isClassLike(type)) return [];
  const seen = new Set();
  return type.members.filter((member) => {
    if (member.name === undefined || ts.isPrivateIdentifier(member.name)) return false;
    const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
    if (ts.getCombinedModifierFlags(member) & hidden || inheritsItsComment(type, member)) return false;
    // For overloads, and for a getter and its setter, the first declaration needs the comment.
    const name = member.name.getText();
    return !seen.has(name) && seen.add(name);
  });
}

/** Whether a base class or an interface documents the member: editors show that comment. */
function inheritsItsComment(type, member) {
  if (ts.isTypeLiteralNode(type)) return false;
  return (
    (type.heritageClauses ?? []).some(({ types }) =>
      types.some((base) => {
        const found = checker.getPropertyOfType(checker.getTypeAtLocation(base), member.name.getText());
        return found !== undefined && found.getDocumentationComment(checker).length > 0;
      }),
    ) || isFramework(type, member)
  );
}

/** Nest's lifecycle hooks, which Nest documents. */
const HOOKS =
  /^(onModuleInit|onApplicationBootstrap|onModuleDestroy|beforeApplicationShutdown|onApplicationShutdown|configure)$/;

function isFramework(type, member) {
  const base = (type.heritageClauses ?? []).flatMap(({ types }) => [...types]);
  return (
    HOOKS.test(member.name.getText()) ||
    base.some((one) => {
      const found = checker.getPropertyOfType(checker.getTypeAtLocation(one), member.name.getText());
      return found?.declarations?.some(isForeign) === true;
    })
  );
}

function isDocumented(node) {
  const isVariable = ts.isVariableDeclaration(node) || ts.isBindingElement(node);
  const holder = isVariable ? ts.findAncestor(node, ts.isVariableStatement) : node;
  return ts.getJSDocCommentsAndTags(holder).some(ts.isJSDoc);
}

for (const { name, entries } of packages) {
  const missing = missingIn(entries);
  console.log(`${name}: ${missing.length === 0 ? 'complete' : `${missing.length} without a comment`}`);
  for (const one of missing) console.log(`  ${one}`);
  if (missing.length > 0) process.exitCode = 1;
}
