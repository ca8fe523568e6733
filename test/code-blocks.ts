export interface CodeBlock {
  /** The comment that stands before it. */
  readonly marker: string | undefined;
  readonly language: string;
  readonly code: string;
}

/** The code blocks of a Markdown text. */
export function codeBlocks(markdown: string): CodeBlock[] {
  const pattern = /(?:<!-- (.+?) -->\n\n)?^```(\w*)\n([\s\S]*?)^```$/gm;
  return [...markdown.matchAll(pattern)].map(([, marker, language, code]) => ({
    marker,
    language: language!,
    code: code!,
  }));
}
