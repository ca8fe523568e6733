/** The option as an application writes it, and its key in the configuration of the broker. */
export function raise(option: string): string {
  const key = option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return `raise ${option} (limits.${key} of the broker)`;
}
