// The measurements: looked up, averaged over training seeds, and set in relation to the original and retrained models.

const model = (() => {
  const data = JSON.parse(document.getElementById("measurements").textContent);
  const order = new Map(data.requests.map((request, index) => [request.id, index]));
  const methods = new Map(data.methods.map((method) => [method.id, method]));
  const metrics = new Map(data.metrics.map((metric) => [metric.id, metric]));
  const dimensions = new Map(data.dimensions.map((dimension) => [dimension.id, dimension]));

  // One number for each training seed, or for each retrained model.
  const seeds = (method, task, dimension, metric, request) =>
    data.values[method]?.[task]?.[dimension]?.[metric]?.[order.get(request)] ?? [];
  const value = (...key) => mean(seeds(...key));

  // The share of the way from the original's error on the target (0) to the retrained models' (1), of one request.
  const share = (method, task, metric, request) => {
    const [own, original, retrained] = [method, "original", "retrained"].map((name) =>
      value(name, task, "target_error", metric, request));
    return own === null || original === null || retrained === null || retrained === original
      ? null : (own - original) / (retrained - original);
  };

  // Standard deviations by which the target is generated better than by the retrained models.
  const sod = (method, task, metric, request) => {
    const own = value(method, task, "target_error", metric, request);
    const retrained = value("retrained", task, "target_error", metric, request);
    const sign = metrics.get(metric).similarity ? -1 : 1;
    return own === null || retrained === null ? null : (sign * (retrained - own)) / data.sigma[task][metric];
  };

  // What a method harms beyond noop-ft, as a distance.
  const harm = (method, task, dimension, metric, request) => {
    const own = value(method, task, dimension, metric, request);
    const noop = value("noop-ft", task, dimension, metric, request);
    const sign = metrics.get(metric).similarity ? -1 : 1;
    return own === null || noop === null ? null : sign * (own - noop);
  };

  const metricName = (metric) => metrics.get(metric).name;
  const unit = (metric) => ({ ssim: "of SSIM", changed: "of the values", lpips: "of LPIPS" })[metric] ?? metrics.get(metric).unit;

  // Colours say the level, symbols tell the methods of a level apart.
  const ranks = {};
  const styles = new Map(data.methods.map(({ id, level }) => {
    ranks[level] = (ranks[level] ?? -1) + 1;
    return [id, { level, symbol: ranks[level] }];
  }));

  return { ...data, methodOf: methods, metricOf: metrics, dimensionOf: dimensions, styles, seeds, value, share, sod, harm, metricName, unit,
    requestOf: (id) => data.requests[order.get(id)] };
})();
