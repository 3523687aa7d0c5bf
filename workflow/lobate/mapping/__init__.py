"""Room `mapping`: the model becomes probability maps, and these become merged, filtered and scored detections."""
