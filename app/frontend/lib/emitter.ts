/** A list of listeners for one kind of news. `on` returns the way to stop listening. */
export class Emitter<News> {
  private readonly listeners = new Set<(news: News) => void>();

  on(listener: (news: News) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  emit(news: News): void {
    for (const listener of [...this.listeners]) listener(news);
  }

  clear(): void {
    this.listeners.clear();
  }
}
