/** A name as it is written, from the right or from the left. A long one is cut after three lines. */
export function FileName({ name }: { name: string }) {
  return (
    <h3 class="name" title={name.length > 60 ? name : undefined}>
      <bdi>{name}</bdi>
    </h3>
  )
}
