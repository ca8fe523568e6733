import type { Right } from './access.js';
import type { KafkaRight } from './rights.js';
import { parseScramCredential } from './scram-credential.js';
import type { KafkaUser } from './users.js';

/** The rights that `allow` may list. */
export const RIGHTS: readonly Right[] = ['read', 'write', 'admin'];
/** Names that are safe in SCRAM messages and in log lines. */
const NAME = /^[\x21-\x7e]{1,200}$/;

/** Users in either form of the option: a map from names to passwords, or a list. */
export type UsersOption = Readonly<Record<string, string>> | readonly KafkaUser[];

export function usersOf(option: UsersOption): readonly KafkaUser[] {
  if (isList(option)) return option;
  return Object.entries(option).map(([name, password]) => ({ name, password }));
}

/** Returns one line per mistake, without any password or credential in it. */
export function userProblems(option: unknown): string[] {
  const wrong = 'kafka.users: give names with passwords, or a list of users';
  if (typeof option !== 'object' || option === null) return [wrong];
  const users = usersOf(option as UsersOption);
  if (users.length === 0) return [wrong];
  const seen = new Set<unknown>();
  return users.flatMap((user, i) => {
    const where = `kafka.users[${i}]`;
    if (typeof user !== 'object' || user === null)
      return [`${where}: give name, password or scram, and rights`];
    const problems = problemsOf(user, where);
    if (seen.has(user.name))
      problems.push(`${where}.name: ${JSON.stringify(user.name)} is already in the list`);
    seen.add(user.name);
    return problems;
  });
}

function problemsOf({ name, password, scram, rights }: KafkaUser, where: string): string[] {
  const problems: string[] = [];
  if (typeof name !== 'string' || !NAME.test(name)) {
    problems.push(
      `${where}.name: ${show(name)} is not allowed; 1 to 200 printable ASCII characters, no spaces`,
    );
  }
  if (password === undefined && scram === undefined) {
    problems.push(`${where}: neither a password nor a SCRAM credential; give one of them`);
  }
  if (password !== undefined && scram !== undefined) {
    problems.push(`${where}: both a password and a SCRAM credential; give one of them`);
  }
  if (password !== undefined && (typeof password !== 'string' || password === '')) {
    problems.push(`${where}.password: the value is not allowed; give text that is not empty`);
  }
  const lines: readonly unknown[] = scram === undefined ? [] : [scram].flat();
  const isCredential = (line: unknown) =>
    typeof line === 'string' && parseScramCredential(line) !== undefined;
  if (scram !== undefined && (lines.length === 0 || !lines.every(isCredential))) {
    problems.push(`${where}.scram: the value is not allowed; give lines made by "genrocks scram"`);
  }
  if (rights !== undefined) problems.push(...rightProblems(rights, `${where}.rights`));
  return problems;
}

function rightProblems(rights: unknown, where: string): string[] {
  if (!Array.isArray(rights)) return [`${where}: ${show(rights)} is not allowed; a list of rights`];
  return rights.flatMap((right: KafkaRight | null, i) => {
    const at = `${where}[${i}]`;
    const { topics, groups, cluster, allow } = (right ?? {}) as Partial<KafkaRight>;
    const problems: string[] = [];
    if (topics === undefined && groups === undefined && cluster !== true) {
      problems.push(`${at}: covers nothing; give topics, groups or cluster: true`);
    }
    if (!isTexts(topics)) problems.push(`${at}.topics: ${show(topics)} is not allowed; a list of patterns`);
    if (!isTexts(groups)) problems.push(`${at}.groups: ${show(groups)} is not allowed; a list of patterns`);
    const isRights =
      Array.isArray(allow) &&
      allow.length > 0 &&
      allow.every((one: unknown) => RIGHTS.includes(one as Right));
    if (!isRights)
      problems.push(`${at}.allow: ${show(allow)} is not allowed; a list of ${RIGHTS.join(', ')}`);
    return problems;
  });
}

function isTexts(value: unknown): boolean {
  return (
    value === undefined ||
    (Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== ''))
  );
}

function isList(option: UsersOption): option is readonly KafkaUser[] {
  return Array.isArray(option);
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 100);
}
