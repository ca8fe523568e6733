/** The advice to raise an option, by its name in an application and by its key in the broker's configuration. */
export function raise(option: string): string {
  const key = option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return `raise ${option} (limits.${key} of the broker)`;
}
