// What came with the model, made ready: every label as an array, with room for what is painted of it.

async function unpackRefinement(data) {
  const scene = await unpack(data);
  const truth = { ...scene.maps[0], painted: new Map() };
  const shot = async (one) => {
    const labels = new Uint8Array(await inflate(one.labels));
    // What is ignored is not judged.
    const judged = labels.includes(VOID) ? truth.labels.map((value, at) => (labels[at] === VOID ? VOID : value)) : truth.labels;
    return { ...one, labels, judged, painted: new Map() };
  };
  const shots = (list) => Promise.all(list.map(shot));
  const steps = data.steps.map(async (step) => ({ ...step, before: await shots(step.before), resets: await shots(step.resets) }));
  return {
    ...scene,
    truth,
    schemes: await shots(data.schemes),
    rounds: await shots(data.rounds),
    steps: await Promise.all(steps),
  };
}
