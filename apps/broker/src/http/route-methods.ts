/** Which methods the router has for a path: the difference between what is not there and what is not done so. */
export class RouteMethods {
  private readonly routes: { readonly segments: readonly string[]; readonly methods: Set<string> }[] = [];

  /** @param pattern as routes are written, such as `/v1/topics/:topic` */
  add(method: string | readonly string[], pattern: string): void {
    // What matches every path says nothing of one.
    if (pattern.includes('*')) return;
    let route = this.routes.find(({ segments }) => segments.join('/') === pattern);
    if (route === undefined) this.routes.push((route = { segments: pattern.split('/'), methods: new Set() }));
    for (const one of [method].flat()) route.methods.add(one);
  }

  /** Sorted; empty where no route has this path. */
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
