/** Knows the methods of each path, to distinguish a missing path (404) from a wrong method (405). */
export class RouteMethods {
  private readonly routes: { readonly segments: readonly string[]; readonly methods: Set<string> }[] = [];

  /** @param pattern a route pattern, such as `/v1/topics/:topic` */
  add(method: string | readonly string[], pattern: string): void {
    // A catch-all route says nothing about a particular path.
    if (pattern.includes('*')) return;
    let route = this.routes.find(({ segments }) => segments.join('/') === pattern);
    if (route === undefined) this.routes.push((route = { segments: pattern.split('/'), methods: new Set() }));
    for (const one of [method].flat()) route.methods.add(one);
  }

  /** The methods of a path, sorted; empty if no route matches. */
  of(url: string): string[] {
    const path = url.split('?', 1)[0]!.split('/');
    const methods = this.routes
      .filter((route) => matches(route.segments, path))
      .flatMap((r) => [...r.methods]);
    return [...new Set(methods)].sort();
  }
}

function matches(pattern: readonly string[], path: readonly string[]): boolean {
  return (
    pattern.length === path.length &&
    pattern.every((segment, i) => (segment.startsWith(':') ? path[i] !== '' : segment === path[i]))
  );
}
