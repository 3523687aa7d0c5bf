"""The room `mapping`: the model makes probability maps, and these become merged, filtered and scored detections."""
